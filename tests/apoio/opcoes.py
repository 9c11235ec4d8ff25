"""A página das opções, escrita a partir dos próprios programas: `python3 tests --atualizar`.

O texto das ajudas é o que cada programa mostra; daqui são as poucas frases em volta, e o que fazer
diante de cada código de saída.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

from apoio.execucao import executar
from apoio.paginas import RAIZ
from cofre.comando.acoes import SEM_ACAO

ARQUIVO = RAIZ / "scripts" / "manual" / "opcoes.md"
COMANDO = "python3 tests --atualizar"
BACKUP, RESTAURACAO, DEMONSTRACAO = (
    "backup-por-empresa.py",
    "restaurar-empresa.py",
    "demonstracao.py",
)
COLUNAS = "80"

O_QUE_FAZER = {
    0: "nada",
    1: "guarde a mensagem e avise quem cuida dele",
    2: "leia a mensagem: ela diz qual opção ou qual linha do `.env`",
    3: "confira o nome, a chave e a pasta",
    4: "leia as linhas com ❌; também é o código de servidor que não responde e de chave recusada",
    5: "espere e tente de novo",
    6: "use um backup anterior ou posterior",
    7: "leia se ela já voltou ao que era; senão, [conclua ou desfaça]"
    "(restaurar.md#se-a-restauração-parou-no-meio)",
    8: "veja a causa na [tabela](restaurar.md#quando-ela-recusa)",
    9: "nada foi gravado; restaure, se quiser",
    10: "veja o que encolheu: [foi um acidente, ou de propósito?]"
    "(todo-dia.md#dados-que-parecem-ter-sumido)",
    11: "a tela diz o que não voltou; faça outro backup e [ensaie-o](ensaio.md)",
    12: "a tela diz o que não veio: [registros ou tabelas](restaurar.md#quando-nem-tudo-volta), ou"
    " colunas que [o banco reescreve](restaurar.md#o-que-o-próprio-banco-reescreve); ou ficou o que"
    " [mudou outra vez](desfazer-mudanca.md)",
    13: "os backups daqui estão feitos; a tela diz que [destino](copia-fora.md) e por quê. Corrija"
    " e rode `enviar`",
    14: "a tela diz que [promessa](quinze-minutos.md#a-promessa-medida), de que empresa, e o que é",
    130: "o que já estava concluído vale; na restauração, nada foi gravado",
}

COMECO = f"""\
<!-- Escrita por `{COMANDO}` a partir dos próprios programas. Não a mude à mão. -->

# Todas as opções

O que cada programa mostra com `--help`, num terminal de 80 colunas: as ações, em grupos. As opções
de uma ação vêm depois do nome dela; as de `backup` e de `restaurar` valem também sem nome nenhum.
Com `--json`, a saída padrão é um único documento JSON, para outro programa ler, e as palavras vão
para a saída de erros.

- [O backup](#o-backup) e as suas ações
- [A restauração](#a-restauração) e as suas ações
- [A demonstração](#a-demonstração)
- [Os códigos de saída](#os-códigos-de-saída)
"""

VOLTA = "\n[↩ O manual](../../README.md#o-manual)\n"

CODIGOS = """\
## Os códigos de saída

Os mesmos no backup e na restauração. Por eles, a tarefa agendada, ou outro programa, sabe como foi.

| Código | Quer dizer | O que fazer |
|---|---|---|
"""


def pagina() -> str:
    """A página como deve estar."""
    partes = [COMECO]
    for titulo, script in (
        ("O backup", BACKUP),
        ("A restauração", RESTAURACAO),
        ("A demonstração", DEMONSTRACAO),
    ):
        partes.append(f"## {titulo}\n\n{_bloco(script, '')}")
        chamada = "" if script == BACKUP else f"{script} "
        partes += [f"### `{chamada}{a}`\n\n{_bloco(script, a)}" for a in acoes(script)]
    return "\n".join([*partes, CODIGOS]) + "".join([*_codigos(), VOLTA])


def atualizar() -> None:
    """Escreve a página."""
    ARQUIVO.write_text(pagina(), encoding="utf-8", newline="\n")


def acoes(script: str) -> list[str]:
    """As ações que a ajuda do script cita, na ordem; só a demonstração não tem nenhuma."""
    return re.findall(r"^  (\w[\w-]*)  ", ajuda(script), re.MULTILINE)


@functools.cache
def ajuda(script: str, *palavras: str) -> str:
    """O que o script de verdade mostra com --help."""
    fim = executar(
        None,
        RAIZ / "backups",
        *(*palavras, "--help"),
        mais={"COLUMNS": COLUNAS},
        script=RAIZ / "scripts" / script,
    )
    assert fim.codigo == 0, fim.tudo
    return fim.saida.rstrip() + "\n"


def codigos() -> dict[int, str]:
    """Cada código de saída e o que quer dizer, como a ajuda os diz."""
    lista = ajuda(BACKUP, SEM_ACAO).partition("códigos de saída:")[2]
    return {int(c): quer for c, quer in re.findall(r"^  (\d+) +(.*)$", lista, re.MULTILINE)}


def _bloco(script: str, acao: str) -> str:
    qual = " ".join(p for p in ("" if script == BACKUP else script, acao, "--help") if p)
    return f"<!-- testado: {qual} -->\n```text\n{ajuda(script, *acao.split())}```\n"


def _codigos() -> Iterator[str]:
    for codigo, quer_dizer in codigos().items():
        yield f"| {codigo} | {quer_dizer} | {O_QUE_FAZER[codigo]} |\n"


def separar(argumentos: str) -> tuple[Path, list[str]]:
    """O script e os argumentos dele, numa marca das páginas."""
    palavras = argumentos.split()
    if palavras[:1] and palavras[0].endswith(".py"):
        return RAIZ / "scripts" / palavras[0], palavras[1:]
    return RAIZ / "scripts" / BACKUP, palavras
