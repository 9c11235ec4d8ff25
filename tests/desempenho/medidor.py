"""Roda um comando e mede-o de fora: segundos, CPU e o pico de memória.

É um programa à parte, só com a biblioteca padrão (`python -I -S medidor.py RELATORIO comando...`):
o pico de quem nasce de um fork começa no tamanho do pai, e este pai é pequeno.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    relatorio, *comando = sys.argv[1:]
    inicio = time.perf_counter()
    processo = subprocess.Popen(comando)
    Path(f"{relatorio}.pid").write_text(str(processo.pid), encoding="utf-8")
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, processo.pid, os.WEXITED | os.WNOWAIT)
    fim = time.perf_counter()
    lidos = _lidos(processo.pid)
    _, estado, gasto = os.wait4(processo.pid, 0)
    processo.returncode = os.waitstatus_to_exitcode(estado)
    por_mb = 1024 * 1024 if sys.platform == "darwin" else 1024
    medido = {
        "codigo": processo.returncode,
        "segundos": fim - inicio,
        "cpu": gasto.ru_utime + gasto.ru_stime,
        "pico_mb": gasto.ru_maxrss / por_mb,
        "lidos": lidos,
    }
    Path(relatorio).write_text(json.dumps(medido), encoding="utf-8")
    return 0


def _lidos(pid: int) -> int:
    """Os bytes que o processo, que acabou mas ainda não foi recolhido, pediu para ler de arquivos,
    canos e soquetes (`rchar`, em proc(5)); -1 onde não se sabe."""
    try:
        linhas = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return -1
    return int(dict(linha.split(": ") for linha in linhas)["rchar"])


if __name__ == "__main__":
    sys.exit(main())
