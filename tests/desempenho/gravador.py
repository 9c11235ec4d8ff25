"""A referência da restauração pela API: as mesmas linhas, em POSTs seguidos, numa conexão só.

É um programa à parte, só com a biblioteca padrão. As linhas vêm de um arquivo de backup, uma por
linha do arquivo, e seguem como bytes. Não confere nada.

    python -I -S gravador.py PORTA TABELA ARQUIVO LINHAS_POR_POST      (a chave vem em CHAVE)
"""

import http.client
import itertools
import os
import sys
from pathlib import Path


def main() -> int:
    porta, tabela, arquivo, por_post = sys.argv[1:]
    chave = os.environ["CHAVE"]
    cabecalhos = {
        "apikey": chave,
        "Authorization": f"Bearer {chave}",
        "Content-Type": "application/json",
        "Prefer": "return=minimal",
    }
    conexao = http.client.HTTPConnection("127.0.0.1", int(porta))
    with Path(arquivo).open("rb") as entrada:
        linhas = (linha.rstrip(b",\n") for linha in entrada if linha.startswith(b"{"))
        while lote := list(itertools.islice(linhas, int(por_post))):
            corpo = b"[" + b",".join(lote) + b"]"
            conexao.request("POST", f"/rest/v1/{tabela}", corpo, cabecalhos)
            resposta = conexao.getresponse()
            resposta.read()
            if resposta.status != 201:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
