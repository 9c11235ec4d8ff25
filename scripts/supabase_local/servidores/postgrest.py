"""O PostgREST de um banco, numa porta livre de 127.0.0.1, com os limites do Supabase."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

from supabase_local.servidores.ambiente import POSTGREST
from supabase_local.servidores.erros import ErroSupabaseLocal
from supabase_local.servidores.ligado import Ligado
from supabase_local.servidores.postgres import ClusterPostgres
from supabase_local.servidores.processos import Parada, Processo, esperar, porta_livre

LINHAS_POR_RESPOSTA = 1000
TENTATIVAS_DE_PORTA = 5
PRAZO = 30.0
AVISO_DE_RECARGA = "Schema cache loaded"


def achar_binario() -> Path:
    """O que `SUPABASE_LOCAL_POSTGREST` aponta, ou o que `ambiente` instalou."""
    apontado = os.environ.get("SUPABASE_LOCAL_POSTGREST")
    binario = Path(apontado) if apontado else POSTGREST
    if binario.is_file():
        return binario
    raise ErroSupabaseLocal(
        "Falta o PostgREST neste ambiente. Rode `python3 scripts/demonstracao.py` ou "
        "`python3 tests`, que o instalam."
    )


class ServidorPostgrest(Ligado):
    """Um PostgREST em execução; gerenciador de contexto."""

    def __init__(
        self,
        cluster: ClusterPostgres,
        banco: str,
        *,
        segredo: str,
        registro: Path,
        max_linhas: int = LINHAS_POR_RESPOSTA,
    ) -> None:
        self._cluster = cluster
        self._banco = banco
        self._segredo = segredo
        self._registro = registro
        self._max_linhas = max_linhas
        self._processo: Processo | None = None
        self.porta = 0
        self._porta_admin = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.porta}"

    def iniciar(self) -> None:
        binario = achar_binario()
        for _ in range(TENTATIVAS_DE_PORTA):
            self.porta, self._porta_admin = porta_livre(), porta_livre()
            processo = Processo(
                [str(binario)], self._registro, parada=Parada(), ambiente=self._configuracao()
            )
            self._processo = processo
            if self._esperar_pronto(processo):
                return
            processo.parar()
        raise ErroSupabaseLocal(
            f"O PostgREST não subiu; veja {self._registro}:\n{processo.fim_do_registro()}"
        )

    def parar(self) -> None:
        if self._processo is not None:
            self._processo.parar()
            self._processo = None

    @property
    def no_ar(self) -> bool:
        return self._processo is not None and self._processo.vivo()

    def recarregar(self) -> None:
        """Faz o PostgREST reler o esquema e só volta quando ele o releu."""
        antes = self.recargas()
        with self._cluster.conectar(self._banco) as conexao:
            conexao.execute("NOTIFY pgrst, 'reload schema'")
        if not esperar(lambda: self.recargas() > antes, PRAZO):
            raise ErroSupabaseLocal(f"O PostgREST não releu o esquema; veja {self._registro}")

    def recargas(self) -> int:
        """Quantas vezes o esquema foi lido."""
        return self.ditos().count(AVISO_DE_RECARGA)

    def ditos(self) -> str:
        """O que escreveu no seu registro."""
        return self._registro.read_text(encoding="utf-8", errors="replace")

    def _esperar_pronto(self, processo: Processo) -> bool:
        esperar(lambda: not processo.vivo() or self._pronto(), PRAZO)
        return processo.vivo() and self._pronto()

    def _pronto(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._porta_admin}/ready", timeout=2
            ) as resposta:
                return int(resposta.status) == 200
        except (urllib.error.URLError, OSError):
            return False

    def _configuracao(self) -> dict[str, str]:
        """Pelo ambiente, e não por argumentos, para que segredos não apareçam num `ps`."""
        return {
            "PGRST_DB_URI": self._cluster.uri(self._banco, "authenticator"),
            "PGRST_DB_SCHEMAS": "public",
            "PGRST_DB_EXTRA_SEARCH_PATH": "public,extensions",
            "PGRST_DB_ANON_ROLE": "anon",
            "PGRST_DB_MAX_ROWS": str(self._max_linhas),
            "PGRST_DB_POOL": "10",
            "PGRST_JWT_SECRET": self._segredo,
            "PGRST_OPENAPI_MODE": "follow-privileges",
            "PGRST_LOG_LEVEL": "error",
            "PGRST_SERVER_HOST": "127.0.0.1",
            "PGRST_SERVER_PORT": str(self.porta),
            "PGRST_ADMIN_SERVER_PORT": str(self._porta_admin),
        }
