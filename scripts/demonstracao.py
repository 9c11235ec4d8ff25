"""Experimente tudo sem conta alguma: `python3 scripts/demonstracao.py` (ou com `--auto`)."""

import sys

from supabase_local.ambiente import continuar_no_ambiente, preparar
from supabase_local.sistema import ErroDeAmbiente, arrumar_entrada_e_saida


def main() -> int:
    arrumar_entrada_e_saida()
    try:
        preparar()
    except ErroDeAmbiente as erro:
        print(f"❌ {erro}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\n👋 Interrompida; o preparo continua de onde parou na próxima vez.")
        return 130
    continuar_no_ambiente()

    from supabase_local.demonstracao import executar

    return executar(auto="--auto" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
