"""Restauração de uma empresa: veja `python scripts/restaurar-empresa.py --help`."""

from cofre.base.interprete import continuar_no_projeto

if __name__ == "__main__":
    continuar_no_projeto()

    from cofre.comando.execucao import executar
    from cofre.comando.restaurar import ler_argumentos

    executar(ler_argumentos)
