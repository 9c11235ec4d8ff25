"""Os logins que voltam, criados antes das linhas que os citam."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cofre.base.palavras import como_se_diz
from cofre.base.relato import Relato
from cofre.deposito.diario import Diario
from cofre.foto.foto import Contexto
from cofre.foto.fotografo import Fotografo
from cofre.plano.alvo import Alvo, Arquivos
from cofre.restauracao.logins.nascidas import DoLogin, Linhas, so_o_que_cita
from cofre.via.contrato import Escrita
from cofre.via.logins.contrato import Criado
from cofre.via.logins.login import COM_CHAVE_DO_PROJETO, SENHA, Login

PEDIDOS, COMECADOS, FEITOS = "logins_pedidos", "logins_comecados", "logins"
"""No diário: os ids que se escolheram; os que se estava para criar, e se antes não havia linha
alguma que fosse só deles; e o que houve com cada um."""


@dataclass(slots=True)
class VoltaDosLogins:
    """Os `logins` de uma convergência. Numa via `atomica`, o que se fez só se anota no diário
    quando vale (`anotar`); na outra, assim que se faz: concluir uma que parou não repete nada, e
    desfazê-la desfaz também o que um gatilho fez do que se estava a criar."""

    logins: Sequence[Login]
    alvo: Alvo
    fotografo: Fotografo
    contexto: Contexto
    de_antes: Arquivos
    diario: Diario
    atomica: bool
    relato: Relato
    _feitos: dict[str, dict[str, Any]] = field(default_factory=dict)

    def criar(self, escrita: Escrita) -> bool:
        """Cria os que ainda não existem; diz se um gatilho pode ter mexido nas linhas da empresa.
        Levanta FalhaDoServidor."""
        self._feitos = {f["id"]: f for f in self.diario.dados.get(FEITOS, ())}
        dispararam = self._dos_que_ficaram_a_meio(escrita)
        for login in self.logins:
            if login.id not in self._feitos:
                dispararam |= self._um(escrita, login)
        return dispararam

    def anotar(self) -> None:
        """O que se fez, no diário. Levanta FalhaDeDisco."""
        if self._feitos:
            self.diario.anotar(**{FEITOS: list(self._feitos.values())})

    def _um(self, escrita: Escrita, login: Login) -> bool:
        disparam = escrita.logins.gatilhos()
        do_login = self._linhas_de(escrita, login.id) if disparam else None
        antes = self._antes(login.id, do_login.ler() if do_login else {})
        criado = escrita.logins.criar(self._que_aqui_serve(login))
        if criado.recusa:
            self.relato.aviso(f"O login {login.id} não voltou: {criado.recusa}.")
        nascidas: Counter[str] = Counter()
        if disparam and not criado.recusa:
            nascidas = self._desfazer_nascidas(escrita, login.id, do_login, antes)
        self._feitos[login.id] = _documento(criado, nascidas)
        if not self.atomica:
            self.anotar()
        return disparam and not criado.recusa

    def _dos_que_ficaram_a_meio(self, escrita: Escrita) -> bool:
        """Ao desfazer uma restauração que caiu, os que ela começou a criar, e nasceram, ficam; o
        que um gatilho fez deles, não. Diz se algum nasceu."""
        ids = {login.id for login in self.logins} | self._feitos.keys()
        comecados: list[dict[str, Any]] = self.diario.dados.get(COMECADOS, [])
        a_meio = [c["id"] for c in comecados if c["id"] not in ids and c["sem_linhas"]]
        nasceram = list(escrita.logins.ler(a_meio)) if a_meio else []
        for qual in nasceram:
            do_login = self._linhas_de(escrita, qual)
            nascidas = self._desfazer_nascidas(escrita, qual, do_login, {})
            self._feitos[qual] = _documento(Criado(qual), nascidas)
        if nasceram and not self.atomica:
            self.anotar()
        return bool(nasceram)

    def _linhas_de(self, escrita: Escrita, qual: str) -> DoLogin | None:
        """As que são só deste login; as do dono são da empresa, que se restaura."""
        if qual == self.alvo.empresa.id:
            return None
        gravaveis = self.alvo.colunas_gravaveis
        return DoLogin(qual, self.alvo.empresa, self.contexto, escrita, gravaveis)

    def _desfazer_nascidas(
        self, escrita: Escrita, qual: str, do_login: DoLogin | None, antes: Linhas
    ) -> Counter[str]:
        """O que um gatilho fez quando este login nasceu; devolve, por tabela, em quantas linhas se
        mexeu."""
        nascidas = do_login.desfazer(antes) if do_login else Counter[str]()
        return nascidas + self._nas_nao_escolhidas(escrita, qual)

    def _antes(self, qual: str, agora: Linhas) -> Linhas:
        """As linhas que eram só deste login antes de ele nascer: as de `agora`, a não ser que se
        tenha caído logo depois de o criar. Pela API, fica dito no diário antes do pedido."""
        vazio = not any(agora.values())
        if self.atomica:
            return agora
        comecados: list[dict[str, Any]] = self.diario.dados.get(COMECADOS, [])
        dito = next((c for c in comecados if c["id"] == qual), None)
        if dito is None:
            self.diario.acrescentar(COMECADOS, {"id": qual, "sem_linhas": vazio})
            return agora
        return {} if dito["sem_linhas"] else agora

    def _que_aqui_serve(self, login: Login) -> Login:
        """Uma senha que o Auth guarda cifrada só abre no projeto de onde veio."""
        meta = self.alvo.backup.meta
        de_outro = meta is not None and meta.origem.get("url") != self.fotografo.via.origem
        senha = str(login.valor(SENHA) or "")
        if not (de_outro and senha.startswith(COM_CHAVE_DO_PROJETO)):
            return login
        return Login({n: v for n, v in login.campos.items() if n != SENHA})

    def _nas_nao_escolhidas(self, escrita: Escrita, qual: str) -> Counter[str]:
        """O que mudou nas tabelas da empresa que não se escolheram, e cita este login, volta a ser
        o que era; as escolhidas vão ao alvo de qualquer modo."""
        if not self.alvo.fora:
            return Counter()
        fotografo = replace(self.fotografo, listas=())
        pedido = replace(self.contexto.pedido, tipo="durante_restauracao")
        contexto = replace(self.contexto, pedido=pedido)
        with fotografo.montar(self.alvo.empresa, contexto) as foto:
            nomes = [n for n in self.alvo.fora if n in foto.arquivos and n in self.de_antes]
            plano = self.alvo.ate_como_eram(nomes, foto.arquivos, self.de_antes)
            so_o_que_cita(plano, frozenset({qual}))
            if plano.vazio:
                return Counter()
            if not self.atomica:
                foto.publicar()  # o que o gatilho fez vai sair, ou mudar: fica guardado
            escrita.executar(plano, self.alvo.escopo, lambda *_: None)
            return Counter({n: c.diferencas for n, c in plano.contagens.items() if c.diferencas})


def _documento(criado: Criado, nascidas: Counter[str]) -> dict[str, Any]:
    return {
        "id": criado.id,
        **({"existia": True} if criado.ja_existia else {}),
        **({"recusa": criado.recusa} if criado.recusa else {}),
        "diferencas": list(criado.diferencas),
        "sem_senha": criado.sem_senha,
        "banido": criado.banido,
        **({"nascidas": {como_se_diz(n): q for n, q in nascidas.items() if q}} if nascidas else {}),
    }


def em_parte(feitos: Sequence[Mapping[str, Any]]) -> bool:
    """Se algum não voltou como era."""
    return any(f.get("recusa") or f.get("diferencas") or f.get("banido") for f in feitos) or any(
        f.get("sem_senha") for f in feitos
    )
