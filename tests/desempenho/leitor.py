"""A referência do backup pela API: o menor leitor que serve, numa conexão só.

É um programa à parte, só com a biblioteca padrão: pede a página seguinte depois de gravar a
anterior, até vir uma vazia, e os bytes vão da resposta para o arquivo. Não confere nada.

    python -I -S leitor.py PORTA TABELA DONO ARQUIVO      (a chave vem em CHAVE)
"""

import http.client
import os
import sys
from pathlib import Path

PAGINA = 1000


def main() -> int:
    porta, tabela, dono, arquivo = sys.argv[1:]
    chave = os.environ["CHAVE"]
    cabecalhos = {"apikey": chave, "Authorization": f"Bearer {chave}"}
    filtro = f"/rest/v1/{tabela}?select=*&user_id=eq.{dono}&order=id&limit={PAGINA}"
    conexao = http.client.HTTPConnection("127.0.0.1", int(porta))
    ultimo = ""
    with Path(arquivo).open("wb") as saida:
        while True:
            conexao.request("GET", filtro + ultimo, headers=cabecalhos)
            resposta = conexao.getresponse()
            pagina = resposta.read()
            if resposta.status != 200:
                return 1
            if pagina == b"[]":
                return 0
            saida.write(pagina + b"\n")
            inicio = pagina.rindex(b'{"id":"') + len(b'{"id":"')
            ultimo = "&id=gt." + pagina[inicio : pagina.index(b'"', inicio)].decode()


if __name__ == "__main__":
    sys.exit(main())
