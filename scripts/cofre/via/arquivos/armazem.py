"""O Storage de um projeto: o que se lista e se desce, e o pedido cru do resto."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cofre.base.erros import FalhaDoServidor, RespostaInvalida
from cofre.via.arquivos import baldes, lista
from cofre.via.arquivos.cliente import Cliente, Resposta, no_caminho
from cofre.via.arquivos.descida import Descida, Receber, um_do_balde
from cofre.via.arquivos.erros import SEM_O_BANCO, BaldeAusente, ObjetoAusente, SemArmazem
from cofre.via.arquivos.objetos import Balde, Objeto

if TYPE_CHECKING:  # só quem tem a conexão direta tem o psycopg
    from cofre.via.arquivos.sql import Conectar, Tabelas

VEZES = 3
"""Quantas vezes se comparam os números da API e do banco, que podem mudar entre um e o outro."""


def _calado(_objeto: Objeto, _espera: float) -> None:
    """Quem não quer saber."""


@dataclass(slots=True)
class Armazem:
    """Os arquivos do projeto. `cliente` é None sem a chave da API: aí só se lista. `tabelas` é None
    sem a conexão direta. Pelo menos um dos dois há. Usado por vários fios."""

    cliente: Cliente | None
    tabelas: Tabelas | None = None
    ao_esperar: Callable[[Objeto, float], object] = field(default=_calado)
    """Recebe o objeto e os segundos que se vai esperar pela CDN."""

    @property
    def conectar(self) -> Conectar | None:
        """Como se abre uma conexão ao banco; None sem a conexão direta."""
        return self.tabelas.conectar if self.tabelas is not None else None

    def fechar(self) -> None:
        """Encerra as conexões à API."""
        if self.cliente is not None:
            self.cliente.fechar()

    def baldes(self) -> list[Balde]:
        """Todos, pelo id. Levanta SemArmazem se o projeto não tem Storage; FalhaDoServidor, também
        se a API e o banco dizem baldes diferentes."""
        for _ in range(VEZES):  # um balde pode nascer entre uma pergunta e a outra
            do_banco = self.tabelas.baldes() if self.tabelas is not None else None
            if self.cliente is None:
                if do_banco is None:
                    raise SemArmazem("O projeto não tem Storage.", "")
                return do_banco
            da_api = self._baldes_da_api(se_ha=bool(do_banco))
            if do_banco is None and self.tabelas is not None and da_api:
                raise FalhaDoServidor(*SEM_O_BANCO)
            if do_banco is None or {b.id for b in do_banco} == {b.id for b in da_api}:
                return da_api
        raise FalhaDoServidor(*_OUTRO_PROJETO)

    def _baldes_da_api(self, *, se_ha: bool) -> list[Balde]:
        try:
            return baldes.listar(self._na_api)
        except SemArmazem:
            if se_ha:
                raise FalhaDoServidor(*_SEM_A_API) from None
            raise

    def listar(self) -> Iterator[Objeto]:
        """Todos os objetos, pela ordem dos bytes de (balde, nome): inteira, ou levanta. Por SQL,
        onde há conexão direta. Levanta SemArmazem, Mudou (vale listar de novo) e
        FalhaDoServidor."""
        if self.tabelas is not None:
            yield from self.tabelas.listar()
        else:
            assert self.cliente is not None
            yield from lista.listar(self.cliente, self.baldes())

    def conferir_numeros(self) -> None:
        """Com as duas vias, se a API lista em cada balde tantos objetos como o banco. Levanta
        FalhaDoServidor."""
        if self.tabelas is None or self.cliente is None:
            return
        for _ in range(VEZES):
            antes = self.tabelas.contar()
            da_api = {b.id: self._quantos(b.id) for b in self.baldes()}
            depois = self.tabelas.contar()
            quais = {*antes, *depois, *da_api}
            # Quem envia sem parar muda os números enquanto se contam.
            if all(_entre(da_api.get(b, 0), antes.get(b, 0), depois.get(b, 0)) for b in quais):
                return
        raise FalhaDoServidor(*_OUTRO_PROJETO)

    def _quantos(self, balde: str) -> int:
        assert self.cliente is not None
        return sum(1 for _ in lista.do_balde(self.cliente, balde))

    def completar(self, objeto: Objeto) -> Objeto:
        """O objeto como está agora, com `metadados` e `versao` (mas não o `dono`, que só o banco
        diz: fica o que se sabia). Levanta ObjetoAusente e FalhaDoServidor."""
        balde, nome = no_caminho(objeto.balde), no_caminho(objeto.nome)
        de_que = um_do_balde(objeto.balde)
        lido = self._na_api.pedir_json("GET", f"object/info/{balde}/{nome}", de_que=de_que)
        if not isinstance(lido, dict) or lido.get("id") is None:
            raise RespostaInvalida(f"Não entendi o que o Storage diz de {de_que}.", "")
        e_este = (lido.get("bucket_id", objeto.balde), lido.get("name", objeto.nome))
        if e_este != objeto.chave:
            # Um proxy que resolva «..» no caminho levaria a outra pasta: a de outra empresa.
            raise RespostaInvalida(f"Pedi ao Storage {de_que}, e respondeu por outro.", "")
        metadados, tamanho = lido.get("metadata"), lido.get("size")
        return replace(
            objeto,
            tamanho=tamanho if isinstance(tamanho, int) else objeto.tamanho,
            tipo=lido.get("content_type") or objeto.tipo,
            cache=lido.get("cache_control") or objeto.cache,
            metadados=metadados if isinstance(metadados, dict) else None,
            id=str(lido["id"]),
            criado=lido.get("created_at") or objeto.criado,
            mudado=lido.get("last_modified") or objeto.mudado,
            versao=lido.get("version"),
            etag=lista.sem_aspas(lido.get("etag")),
        )

    def info(self, balde: str, nome: str) -> Objeto | None:
        """O objeto com este nome, como está agora; None se não há nenhum. Levanta
        FalhaDoServidor."""
        try:
            return self.completar(Objeto(balde, nome))
        except (ObjetoAusente, BaldeAusente):
            return None

    def descer(
        self,
        objeto: Objeto,
        receber: Receber,
        ao_receber: Callable[[int], object] = lambda _n: None,
    ) -> bool | None:
        """O conteúdo, em pedaços, a `receber`; a cada um, os bytes que vieram a `ao_receber`.
        Devolve se tem o MD5 que o eTag diz (None: o eTag não é um). Depois de uma exceção, o que se
        recebeu não vale. Levanta Mudou (vale olhar e pedir de novo), SemConteudo, ObjetoAusente,
        NomeRecusado e FalhaDoServidor."""
        return Descida(
            self._na_api, objeto, receber, self.completar, self.ao_esperar, ao_receber
        ).descer()

    def pedir(self, metodo: str, caminho: str, **opcoes: Any) -> Resposta:
        """O pedido cru (ver `Cliente.pedir`), com a chave, as novas tentativas e os erros em
        palavras, sem nada da chave neles."""
        return self._na_api.pedir(metodo, caminho, **opcoes)

    @property
    def _na_api(self) -> Cliente:
        assert self.cliente is not None, "só se desce e se sobe pela API"
        return self.cliente


def _entre(numero: int, *limites: int) -> bool:
    return min(limites) <= numero <= max(limites)


_OUTRO_PROJETO = (
    "A API e o banco não mostram os mesmos arquivos do Storage.",
    "Ou SUPABASE_URL e SUPABASE_DB_URL são de projetos diferentes, ou alguém mexe neles sem\n"
    "parar: confira o .env e tente de novo.",
)
_SEM_A_API = (
    "O banco tem baldes do Storage, mas a API do projeto responde que não há Storage (404).",
    "Confira SUPABASE_URL: deve ser a «Project URL» do painel.",
)
