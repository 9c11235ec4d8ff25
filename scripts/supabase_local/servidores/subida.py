"""Como o PostgreSQL sobe e para em cada sistema, e como se afasta o que sobrou de outra vez.

No Linux e no macOS, o próprio `postgres` roda sob o vigia, que o para por sinais. No Windows não há
esses sinais, e o `postgres.exe` recusa a conta de administrador: quem o inicia, sem os direitos
dela, e quem o para é o `pg_ctl`.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from supabase_local.servidores.processos import Parada, esperar

PACIENCIA_COM_A_SOBRA = 5.0


def opcoes_do_initdb(versao: int) -> list[str]:
    """A ordenação é a dos bytes; desde o 17, com maiúsculas e minúsculas do Unicode."""
    opcoes = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    if versao >= 17:
        opcoes += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if versao >= 16:
        opcoes.append("--set=scram_iterations=1")
    return opcoes


if sys.platform == "win32":

    def como_sobe(
        programas: Path, dados: Path, parametros: Mapping[str, str]
    ) -> tuple[list[str], Parada]:
        """O comando que o inicia, e como ele para. Os parâmetros vão num arquivo: numa linha de
        comando do Windows, um valor vazio se perderia."""
        linhas = (f"{nome} = '{valor}'\n" for nome, valor in parametros.items())
        (dados / "postgresql.auto.conf").write_text("".join(linhas), encoding="utf-8")
        pg_ctl = _pg_ctl(programas, dados)
        parar = (*pg_ctl, "stop", "-m", "fast", "-w")
        registro = str(dados.parent / "servidor.log")
        return [*pg_ctl, "start", "-w", "-l", registro], Parada((), comando=parar)

    def afastar_sobra(programas: Path, dados: Path) -> None:
        """Se quem nos precedeu foi morto, o servidor dele pode ainda estar de pé."""
        if (dados / "postmaster.pid").exists():
            parar = [*_pg_ctl(programas, dados), "stop", "-m", "immediate", "-w"]
            subprocess.run(parar, capture_output=True, stdin=subprocess.DEVNULL, check=False)

    def _pg_ctl(programas: Path, dados: Path) -> tuple[str, ...]:
        return str(programas / "pg_ctl.exe"), "-D", str(dados)

else:
    import psutil

    def como_sobe(
        programas: Path, dados: Path, parametros: Mapping[str, str]
    ) -> tuple[list[str], Parada]:
        """O comando que o inicia, e como ele para."""
        opcoes = [parte for nome, v in parametros.items() for parte in ("-c", f"{nome}={v}")]
        comando = [str(programas / "postgres"), "-D", str(dados), *opcoes]
        return comando, Parada((signal.SIGINT, signal.SIGQUIT))

    def afastar_sobra(programas: Path, dados: Path) -> None:
        """Se quem nos precedeu foi morto, o vigia dele pode ainda estar parando o servidor."""
        arquivo = dados / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            anterior = psutil.Process(int(arquivo.read_text(encoding="utf-8").splitlines()[0]))
            if str(dados) in anterior.cmdline():
                if not esperar(lambda: not anterior.is_running(), PACIENCIA_COM_A_SOBRA):
                    anterior.send_signal(signal.SIGQUIT)
                    anterior.wait(10.0)
                return
            arquivo.unlink()
