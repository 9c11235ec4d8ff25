"""As campanhas inteiras da restauração, num comando: `python3 tests/campanhas`.

Mata a restauração antes e depois de cada escrita, e restaura centenas de estragos ao acaso: mais de
uma hora em dois processadores, e por isso a suíte só faz uma amostra. Com argumentos, são os do
pytest.
"""

import os
import subprocess
import sys
from pathlib import Path

RAIZ = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(RAIZ / "scripts"))

from supabase_local.servidores.ambiente import continuar_no_ambiente, preparar  # noqa: E402
from supabase_local.servidores.sistema import ErroDeAmbiente, arrumar_entrada_e_saida  # noqa: E402

CAMPANHAS = (
    "tests/restauracao/test_isolamento.py",
    "tests/restauracao/test_restaurar_quedas.py",
    "tests/via/test_direto_restaurar.py",
    "tests/restauracao/test_edicoes.py",
)


def main() -> int:
    arrumar_entrada_e_saida()
    try:
        preparar(extras=[RAIZ / "tests" / "requirements.txt"])
    except ErroDeAmbiente as erro:
        print(f"❌ {erro}", file=sys.stderr)
        return 2
    continuar_no_ambiente()
    ditos = [a for a in sys.argv[1:] if (RAIZ / a.partition("::")[0]).is_file()]
    alvos = () if ditos else CAMPANHAS
    # -rP: no fim, o que cada caso que passou contou (quantas mortes, quantas tabelas).
    opcoes = ("-n", "auto", "--dist", "load", "-v", "-rP")
    comando = [sys.executable, "-m", "pytest", *opcoes, *alvos, *sys.argv[1:]]
    return subprocess.run(
        comando, cwd=RAIZ, env={**os.environ, "CAMPANHA": "1"}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
