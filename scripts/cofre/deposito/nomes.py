"""O nome do arquivo de cada tabela num backup: válido no NTFS, e diferente dos outros."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cofre.base.modelo import LISTAS, NO_DISCO, ordem_de_exibicao
from cofre.deposito.carimbo import nome_dos_conteudos, nossos

CONTEUDOS = "\0conteudos"
"""Como a montagem chama o arquivo que diz que conteúdos o backup cita: sempre em claro."""


def dos_textos(tabela: str) -> str:
    """Como a montagem chama o arquivo dos textos desta tabela; nenhuma tem um nulo no nome."""
    return f"{tabela}\0"


def dar_nomes(carimbo: str, tabelas: Sequence[str], extensao: str) -> dict[str, str]:
    """O de cada tabela, de `dos_textos` dela, de cada lista e de CONTEUDOS, com esta `extensao`
    (CONTEUDOS tem a sua)."""
    usados = {nome.lower() for nome in nossos(carimbo)}
    fim = f"{carimbo}{extensao}"
    nomes = {lista: f"{NO_DISCO[lista]}_{fim}" for lista in LISTAS}
    usados |= {nome.lower() for nome in nomes.values()}
    nomes[CONTEUDOS] = nome_dos_conteudos(carimbo)
    em_ordem = sorted(tabelas, key=ordem_de_exibicao)
    # Os das tabelas primeiro: o nome de um arquivo de textos nunca muda o de uma tabela.
    for quem in (*em_ordem, *map(dos_textos, em_ordem)):
        tabela = quem.removesuffix(dos_textos(""))
        base, n = _seguro(tabela) + (".textos" if quem != tabela else ""), 1
        nome = f"{base}_{fim}"
        while nome.lower() in usados:
            n += 1
            nome = f"{base}~{n}_{fim}"
        usados.add(nome.lower())
        nomes[quem] = nome
    return nomes


def _seguro(tabela: str) -> str:
    """O nome da tabela com o que o NTFS não aceita trocado por %XX, em até 100 bytes."""
    seguro = re.sub(r'[<>:"/\\|?*%\x00-\x1f\x7f]', lambda m: f"%{ord(m.group()):02X}", tabela)
    if len(seguro.encode()) > 100:
        seguro = seguro.encode()[:100].decode(errors="ignore")
    return "_" + seguro if seguro.startswith(".") else seguro
