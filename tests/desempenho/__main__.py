"""O banco de provas, num comando: `python3 tests/desempenho [opções]`.

Sai com 0 quaisquer que sejam as razões; com 1 se algo não funcionou.
"""

import sys
from pathlib import Path

RAIZ = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(RAIZ / "scripts"), str(RAIZ / "tests")]

from supabase_local.servidores.ambiente import continuar_no_ambiente, preparar  # noqa: E402
from supabase_local.servidores.sistema import ErroDeAmbiente, arrumar_entrada_e_saida  # noqa: E402


def main() -> int:
    arrumar_entrada_e_saida()
    try:
        preparar(extras=[RAIZ / "tests" / p / "requirements.txt" for p in ("", "desempenho")])
    except ErroDeAmbiente as erro:
        print(f"❌ {erro}", file=sys.stderr)
        return 2
    continuar_no_ambiente()

    from desempenho.principal import rodar

    return rodar(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
