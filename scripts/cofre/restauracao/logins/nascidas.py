"""O que um gatilho do projeto faz quando nasce um login, e como volta a ser o que era.

Um AFTER INSERT em auth.users costuma criar linhas para quem chega: uma empresa, uma assinatura, uma
aprovação como dono. De quem volta, isso é estrago: fotografam-se as linhas daquele id antes e
depois, e a diferença desfaz-se como qualquer outra, por um plano.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cofre.base.erros import FalhaDoServidor
from cofre.base.linha import abrir_linha, juntar, separar, texto
from cofre.base.modelo import Empresa
from cofre.base.rascunho import Rascunho
from cofre.deposito.formato import Gravador, de_passagem
from cofre.escopo.donos import Donos, referencias_a_empresas
from cofre.foto.empresa import empresa_na_foto
from cofre.foto.foto import Contexto
from cofre.plano.alvo import ColunasGravaveis
from cofre.plano.plano import Plano, comparar
from cofre.plano.tabela import TabelaDoPlano
from cofre.via.contrato import Escrita
from cofre.via.leitura import PedidoDeFoto

VEZES = 3
Linhas = Mapping[str, list[bytes]]
"""Por tabela, as linhas, na ordem da chave."""


@dataclass(slots=True)
class DoLogin:
    """As linhas que são só de um login, como se ele fosse dono de uma empresa: nenhuma das que já
    são de alguém."""

    login: str
    de_quem_se_restaura: Empresa
    contexto: Contexto
    escrita: Escrita
    gravaveis: ColunasGravaveis
    _empresa: Empresa = field(init=False)
    _donos: Donos = field(init=False)
    _outras: Donos = field(init=False)

    def __post_init__(self) -> None:
        self._empresa = Empresa(self.login, self.login)
        inspecao = self.contexto.inspecao
        referencias = referencias_a_empresas(inspecao.catalogo)
        # Depois de uma queda, o gatilho já o terá feito dono de algo.
        outras = [e for e in inspecao.empresas if e.id != self.login]
        outras.append(self.de_quem_se_restaura)
        self._outras = Donos(outras, referencias)
        self._donos = Donos((*outras, self._empresa), referencias)

    def ler(self) -> Linhas:
        """Como estão. Levanta FalhaDoServidor."""
        for _vez in range(VEZES):
            with contextlib.ExitStack() as pilha:
                pedido = PedidoDeFoto(
                    [self._empresa],
                    self.contexto.escopo.tabelas,
                    self._donos,
                    partial(_rascunho, pilha),
                    lambda *_: None,
                )
                lida = self.escrita.fotografar(pedido)[self.login]
                vista = empresa_na_foto(self._empresa, lida, self.contexto.escopo)
                if vista == self._empresa:
                    return {
                        t.tabela.nome: [
                            bytes(linha)
                            for bloco in t.em_ordem()
                            for linha in separar(b"[" + bloco + b"]")
                            if self._so_dele(t.tabela.nome, bytes(linha))
                        ]
                        for t in lida.tabelas
                        if t.falha is None
                    }
            self._empresa = vista
            self._donos.lembrar(vista)
        raise FalhaDoServidor(f"As linhas do login {self.login} não param de mudar.")

    def _so_dele(self, nome: str, linha: bytes) -> bool:
        """Se esta linha não é de empresa nenhuma das que há."""
        no_escopo = self.contexto.escopo.tabelas[nome]
        elos = next((r.elos for r in no_escopo.ramos if not r.passos), ())
        campos = abrir_linha(linha)
        valores = [texto(bytes(campos[e.coluna])) if e.coluna in campos else None for e in elos]
        return self._outras.dono(elos, valores) is None

    def desfazer(self, antes: Linhas) -> Counter[str]:
        """Volta a `antes`; devolve, por tabela, em quantas linhas se mexeu. Levanta
        FalhaDoServidor."""
        mexidas: Counter[str] = Counter()
        for _vez in range(VEZES):
            with tempfile.TemporaryDirectory(prefix="cofre_") as pasta:
                plano = self._plano(antes, self.ler(), Path(pasta))
                if plano is None:
                    break
                mexidas += Counter({n: c.diferencas for n, c in plano.contagens.items()})
                self.escrita.executar(plano, self.contexto.escopo.tabelas, lambda *_: None)
        return mexidas

    def _plano(self, antes: Linhas, agora: Linhas, pasta: Path) -> Plano | None:
        """O que leva de agora a antes; None se nada mudou."""
        mudaram = [n for n in agora if agora[n] != antes.get(n, [])]
        if not mudaram:
            return None
        tabelas = []
        for n, nome in enumerate(mudaram):
            tabela = self.contexto.escopo.tabelas[nome].tabela
            alvo = _gravar(pasta, f"antes_{n}", antes.get(nome, []))
            atual = _gravar(pasta, f"agora_{n}", agora[nome])
            gravaveis = self.gravaveis(tabela)
            tabelas.append(TabelaDoPlano(nome, tabela.chave, gravaveis, (alvo,), atual))
        return comparar(tabelas)


def _rascunho(pilha: contextlib.ExitStack) -> Rascunho:
    return Rascunho(pilha.enter_context(tempfile.TemporaryFile()))


def _gravar(pasta: Path, nome: str, linhas: list[bytes]) -> Path:
    with de_passagem(pasta, nome) as (caminho, saida):
        gravador = Gravador(saida)
        gravador.bloco(juntar(linhas))
        gravador.terminar()
    return caminho


def so_o_que_cita(plano: Plano, ids: frozenset[str]) -> None:
    """Do plano, só as linhas que citam um destes ids, ou uma linha que nasceu citando-o."""
    citados = {i.encode() for i in ids}
    for _volta in range(2):
        for nome in plano.contagens:
            for _chave, atual, alvo in plano.pares(nome):
                if alvo is None and atual is not None and _cita(bytes(atual), citados):
                    chave = abrir_linha(bytes(atual)).get("id")
                    if chave is not None and len(bytes(chave)) > len(b'"0123456789"'):
                        citados.add(bytes(chave).strip(b'"'))
    for nome in plano.contagens:
        plano.recortar(
            nome,
            lambda atual, alvo: (
                alvo
                if _cita(bytes(atual or b""), citados) or _cita(bytes(alvo or b""), citados)
                else atual
            ),
        )


def _cita(linha: bytes, ids: set[bytes]) -> bool:
    return any(i in linha for i in ids)
