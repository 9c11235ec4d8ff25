"""O Supabase de hoje, com o PostgREST que se tem aqui (o 12.0.2): o que mudou até o 16, reescrito.

É uma camada sobre as respostas: testa como o programa reage aos servidores de hoje, e não o
PostgREST novo, que nenhum registro de pacotes dá. Onde há um (`SUPABASE_LOCAL_POSTGREST`), o que já
vem como hoje fica como veio. Cada mudança tem a sua fonte no CHANGELOG do PostgREST, ou na
configuração do gateway (supabase/postgres, envoy_config/lds.supabase.yaml).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from supabase_local.servidores.descricao import Ligacao, como_hoje
from supabase_local.servidores.falhas import Falha, Pedido, Resposta, Seguir

_LISTA = "The schema must be one of"
UM_SO_OBJETO = "Cannot coerce the result to a single JSON object"
"""A mensagem do PGRST116 desde o 13.0 (#3795)."""


@dataclass(frozen=True, slots=True)
class PerfilDeHoje(Falha):
    """As respostas como as de hoje. `ligacoes` dá as chaves um-para-um do banco, e `recargas`
    quantas vezes o esquema foi relido; `minima`, a verbosidade mínima dos erros (16.0, #4088)."""

    ligacoes: Callable[[], list[Ligacao]]
    recargas: Callable[[], int]
    minima: bool = False
    _prontas: dict[tuple[int, bytes], bytes] = field(default_factory=dict)

    async def envolver(self, pedido: Pedido, seguir: Seguir) -> Resposta:
        # Inteira: desde o 13.0 (#4016) a resposta diz o seu tamanho.
        resposta = await (
            await seguir(replace(pedido, consulta=sem_chave(pedido.consulta)))
        ).inteira()
        if resposta.status >= 400:
            return erro_de_hoje(resposta, pedido.tabela, minima=self.minima)
        if not pedido.tabela and pedido.metodo == "GET" and resposta.status == 200:
            resposta = replace(resposta, corpo=await self._descricao(resposta.bytes))
        return com_cabecalhos(resposta)

    async def _descricao(self, de_ontem: bytes) -> bytes:
        """Refeita só quando o esquema muda."""
        qual = (self.recargas(), de_ontem)
        if qual not in self._prontas:
            self._prontas.clear()
            self._prontas[qual] = como_hoje(de_ontem, await asyncio.to_thread(self.ligacoes))
        return self._prontas[qual]


def sem_chave(consulta: str) -> str:
    """A consulta sem o parâmetro `apikey`: o gateway o tira, seja a chave ou o filtro de uma coluna
    com este nome. Entre aspas, o nome é outro, e passa."""
    return "&".join(p for p in consulta.split("&") if p.partition("=")[0] != "apikey")


def erro_de_hoje(resposta: Resposta, tabela: str, *, minima: bool) -> Resposta:
    """Um erro com os códigos, as palavras e o status de hoje."""
    try:
        erro = json.loads(resposta.bytes)
    except ValueError:
        return com_cabecalhos(resposta)
    if not isinstance(erro, dict) or not erro.get("code"):
        return com_cabecalhos(resposta)
    status = resposta.status
    codigo = str(erro["code"])
    if codigo == "42P01" and erro.get("message") == f'relation "public.{tabela}" does not exist':
        # 13.0: uma tabela que não está no esquema lido, sem perguntar ao banco.
        mensagem = f"Could not find the table 'public.{tabela}' in the schema cache"
        erro = {"code": "PGRST205", "details": None, "hint": None, "message": mensagem}
    elif codigo == "PGRST116":
        erro["message"] = UM_SO_OBJETO
    elif codigo == "PGRST106" and _LISTA in str(erro.get("message")):
        # 13.0.7 (#4089): a lista passou para a dica.
        dica = str(erro["message"]).replace(_LISTA, "Only")
        erro |= {"message": "Invalid schema", "hint": dica}
    elif codigo.startswith("54") or codigo == "53400":
        status = 500  # 13.0: eram 413 e 503
    if minima:
        erro = {nome: erro[nome] for nome in ("code", "message")}
    corpo = json.dumps(erro, ensure_ascii=False).encode()
    return com_cabecalhos(replace(resposta, status=status, corpo=corpo), str(erro["code"]))


def com_cabecalhos(resposta: Resposta, codigo: str = "") -> Resposta:
    """Com `Vary` (16.0) e, num erro, `Proxy-Status` (13.0)."""
    mais: Mapping[str, str] = {"Vary": "Accept, Prefer, Range"}
    if codigo:
        mais = {**mais, "Proxy-Status": f"PostgREST; error={codigo}"}
    tem = {nome.lower() for nome, _ in resposta.cabecalhos}
    novos = tuple((n, v) for n, v in mais.items() if n.lower() not in tem)
    return replace(resposta, cabecalhos=(*resposta.cabecalhos, *novos))
