"""Experimente tudo sem conta alguma: `python3 scripts/demonstracao.py`, com `--auto` para não
responder nada e com `--via direta` para ver a conexão direta com o PostgreSQL."""

import argparse
import sys

from supabase_local.servidores.ambiente import continuar_no_ambiente, preparar
from supabase_local.servidores.sistema import (
    ErroDeAmbiente,
    arrumar_entrada_e_saida,
    ha_como_instalar,
    ha_postgrest,
)


def ler_opcoes() -> argparse.Namespace:
    analisador = argparse.ArgumentParser(
        prog="demonstracao.py",
        usage=argparse.SUPPRESS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="uso: demonstracao.py [--auto] [--frota] [--via VIA]\n\n"
        "Backup e restauração num Supabase embutido, com empresas inventadas.",
        add_help=False,
    )
    analisador._optionals.title = "opções"
    analisador.add_argument("-h", "--help", action="help", help="mostra esta ajuda e sai")
    analisador.add_argument(
        "--auto", action="store_true", help="inclui os acidentes e as restaurações, sem perguntas"
    )
    analisador.add_argument(
        "--frota", action="store_true", help="faz o backup por três processos (--frota local:3)"
    )
    analisador.add_argument(
        "--via",
        choices=("api", "direta"),
        metavar="VIA",
        help="api (padrão) ou direta, o próprio PostgreSQL (no Windows, a única)",
    )
    opcoes = analisador.parse_args()
    opcoes.via = opcoes.via or ("api" if ha_postgrest() else "direta")
    return opcoes


def main() -> int:
    arrumar_entrada_e_saida()
    opcoes = ler_opcoes()
    try:
        preparar(com_api=opcoes.via == "api" or ha_como_instalar())
    except ErroDeAmbiente as erro:
        print(f"❌ {erro}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\n👋 Interrompida; o preparo continua de onde parou na próxima vez.")
        return 130
    continuar_no_ambiente()

    from supabase_local.demonstracao import executar

    return executar(auto=opcoes.auto, via=opcoes.via, frota=opcoes.frota)


if __name__ == "__main__":
    sys.exit(main())
