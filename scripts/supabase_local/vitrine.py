"""O que a demonstração mostra ao leitor, e o menu que lhe oferece. Nada se faz aqui."""

from __future__ import annotations

import os
import re
import select
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from supabase_local.servidores.ambiente import RAIZ

ARQUIVOS_MOSTRADOS = 4
PAGINA = "painel.html"
_CARIMBO = re.compile(r"\d{8}_\d{6}(?=\.json$|$)")
ATENCAO = 0.5
"""Segundos em que um sinal é atendido, com a pergunta na tela."""

MENU = """
🧪 Uma letra e Enter (só Enter, ou q, termina e desliga o Supabase embutido):
   a  provoca um acidente numa das empresas, para restaurá-la aqui mesmo
   b  apaga um cliente, com o que pende dele, para trazer só ele de volta
   c  apaga fotos de produtos e o login de um funcionário, para trazê-los de volta
   o  leva uma cópia de uma empresa a outro projeto, o de homologação
   i  o computador queima: com uma chave, uma empresa volta da cópia cifrada
   d  desfaz a última restauração dela
   f  faz outro backup
   l  mostra os backups que há
   p  diz onde está a página, que se abre no navegador
   r  começa do zero: os dados como nasceram, e nenhum backup
"""


def mostrar_arquivos(backups: Path) -> None:
    """As pastas das empresas, com os maiores arquivos do último backup, e a página."""
    print(f"\n📁 Os arquivos estão em {backups}")
    for pasta in sorted(item for item in backups.glob("empresa_*") if item.is_dir()):
        arquivos = [item for item in pasta.iterdir() if _CARIMBO.search(item.stem)]
        if not arquivos:
            continue
        ultimo = max(_momento_de(item) for item in arquivos)
        novos = sorted(item for item in arquivos if _momento_de(item) == ultimo)
        tamanho = sum(item.stat().st_size for item in novos) // 1024
        quantos = f"{len(novos)} {'arquivo' if len(novos) == 1 else 'arquivos'}"
        print(f"   {pasta.name}/  (último backup: {quantos}, {tamanho} KB)")
        maiores = sorted(novos, key=lambda item: item.stat().st_size, reverse=True)
        for arquivo in sorted(maiores[:ARQUIVOS_MOSTRADOS]):
            print(f"      {arquivo.name}")
    if (backups / PAGINA).is_file():
        print(f"\n📄 Para ver tudo no navegador, abra {backups / PAGINA}")


def _momento_de(arquivo: Path) -> str:
    """O carimbo no fim do nome: produtos_20260116_182944.json."""
    achado = _CARIMBO.search(arquivo.stem)
    return achado[0] if achado else ""


def mostrar_como_experimentar(
    variaveis: Mapping[str, str], comandos: Sequence[Sequence[str]], uri: str
) -> None:
    """Como rodar estes `comandos` (script e argumentos) noutro terminal, com estas variáveis; `uri`
    é a do banco."""
    python = f".venv/bin/{Path(sys.executable).name}"
    print("\n🧪 Para experimentar, em outro terminal, nesta pasta:\n")
    if os.name == "nt":  # o PowerShell
        python = ".venv\\Scripts\\python.exe"
        print(f"   cd {_entre_aspas(str(RAIZ))}")
        for nome, valor in variaveis.items():
            print(f"   $env:{nome} = {_entre_aspas(valor)}")
    else:
        print(f"   cd {shlex.quote(str(RAIZ))}")
        for nome, valor in variaveis.items():
            print(f"   export {nome}={shlex.quote(valor)}")
    for script, *argumentos in comandos:
        print("  ", " ".join((python, f"scripts/{script}", *argumentos)))
    print("\n   Para fazer estragos à mão (psql, DBeaver...), a SUPABASE_DB_URL deste banco é")
    print(f"   {uri}")
    print("\n   (O que está acima só vale nesta demonstração, nesta máquina.)")


def _entre_aspas(valor: str) -> str:
    """Como o PowerShell escreve um texto sem nada a interpretar."""
    return "'" + valor.replace("'", "''") + "'"


def escolha() -> str:
    """A letra que se digitou; vazio também se a entrada acabou."""
    print(f"{MENU}\nEscolha: ", end="", flush=True)
    if sys.platform != "win32":
        # O sinal que chega no instante em que `input()` começa só o interromperia na próxima
        # tecla (6 de 300 vezes, medido, quando ele vem logo depois da pergunta).
        while not select.select([sys.stdin], [], [], ATENCAO)[0]:
            pass
    try:
        return input().strip().lower()
    except EOFError:
        return ""
