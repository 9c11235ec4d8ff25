"""Backup isolado por empresa: veja `python scripts/backup-por-empresa.py --help`."""

from cofre.base.interprete import continuar_no_projeto

if __name__ == "__main__":
    continuar_no_projeto()

    from cofre.comando.acoes import ler_argumentos
    from cofre.comando.execucao import executar

    executar(ler_argumentos)
