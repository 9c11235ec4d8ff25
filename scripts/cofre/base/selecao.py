"""Escolher empresas e tabelas pelo que o usuário escreve: id, nome, número, faixa."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence

from cofre.base.erros import ErroDeUso, NadaEncontrado
from cofre.base.modelo import LISTAS, Empresa, ordem_de_exibicao
from cofre.base.palavras import como_se_diz, visivel

CANDIDATAS_MOSTRADAS = 20
TODAS = ("0", "todas", "tudo")


def escolher_empresas(todas: Sequence[Empresa], pedidas: Sequence[str]) -> list[Empresa]:
    """As pedidas, na ordem de `todas`; todas se nada foi pedido.

    Levanta NadaEncontrado (ninguém assim) ou ErroDeUso (mais de uma, com as candidatas).
    """
    if not pedidas:
        return list(todas)
    escolhidas = {_uma(todas, texto).id for texto in pedidas}
    return [e for e in todas if e.id in escolhidas]


def empresas_como(todas: Sequence[Empresa], texto: str) -> list[Empresa]:
    """As que uma resposta pode querer dizer: a do id ou do nome; se nenhuma, as que o têm no começo
    do id ou em qualquer parte do nome, sem olhar acentos. Vazio se nenhuma é assim."""
    *exatas, comeco, parte = _formas(texto)
    return _primeiras(todas, (*exatas, lambda e: comeco(e) or parte(e)))


def _formas(texto: str) -> tuple[Callable[[Empresa], bool], ...]:
    """Os modos de um texto dizer uma empresa, do mais certo ao menos; nenhum, se é vazio."""
    procurado = texto.strip().casefold()
    simples = sem_acentos(procurado)
    if not procurado:
        return (lambda _: False,) * 4
    return (
        lambda e: e.id.casefold() == procurado,
        lambda e: e.chama_se(procurado),
        lambda e: e.id.casefold().startswith(procurado),
        lambda e: any(simples in sem_acentos(n.casefold()) for n in (e.nome, *e.nomes)),
    )


def _primeiras(
    todas: Sequence[Empresa], formas: Sequence[Callable[[Empresa], bool]]
) -> list[Empresa]:
    """As do primeiro modo que acha alguma."""
    return next(([*a] for casa in formas if (a := [e for e in todas if casa(e)])), [])


def sem_acentos(texto: str) -> str:
    """«Ação» → «Acao»."""
    if texto.isascii():
        return texto
    partes = unicodedata.normalize("NFKD", texto)
    return "".join(c for c in partes if not unicodedata.combining(c))


def _uma(todas: Sequence[Empresa], texto: str) -> Empresa:
    achadas = _primeiras(todas, _formas(texto))
    if len(achadas) == 1:
        return achadas[0]
    if achadas:
        raise ErroDeUso(
            f"«{visivel(texto)}» pode ser mais de uma empresa.",
            f"Use o id inteiro de uma destas:\n{_lista(achadas)}",
        )
    raise NadaEncontrado(
        f"Nenhuma empresa com id ou nome «{visivel(texto)}».", f"Empresas:\n{_lista(todas)}"
    )


def _lista(empresas: Sequence[Empresa]) -> str:
    linhas = [f"  {visivel(e.id)}  {visivel(e.nome)}" for e in empresas[:CANDIDATAS_MOSTRADAS]]
    if len(empresas) > CANDIDATAS_MOSTRADAS:
        linhas.append(f"  … e mais {len(empresas) - CANDIDATAS_MOSTRADAS}")
    return "\n".join(linhas)


# -- tabelas ---------------------------------------------------------------------------------


def tabela_de_nome(nome: str, disponiveis: Collection[str]) -> str | None:
    """A tabela com este nome, ou a lista que assim se diz (ver `palavras.como_se_diz`); em outra
    caixa também vale, se só uma se escreve assim."""
    if f"\0{nome}" in disponiveis:
        return f"\0{nome}"
    if nome in disponiveis:
        return nome
    iguais = [t for t in disponiveis if nome.casefold() in _formas_do_nome(t)]
    das_listas = [t for t in iguais if t in LISTAS]
    return (das_listas or iguais)[0] if len(iguais) == 1 or das_listas else None


def achar_tabela(nome: str, disponiveis: Collection[str], causa: str) -> str:
    """A mesma. Levanta ErroDeUso se não há: a `causa`, e as que há."""
    achada = tabela_de_nome(nome, disponiveis)
    if achada is None:
        raise tabela_desconhecida(causa, nome, disponiveis)
    return achada


def _formas_do_nome(tabela: str) -> tuple[str, str]:
    """Como se pode dizer uma tabela: pelo nome, e como a tela a diz."""
    return tabela.casefold(), como_se_diz(tabela).casefold()


def tabela_desconhecida(causa: str, nome: str, disponiveis: Collection[str]) -> ErroDeUso:
    """O erro a levantar: a `causa`, os nomes parecidos e todos os que há."""
    em_ordem = sorted(disponiveis, key=ordem_de_exibicao)
    lista = ", ".join(visivel(como_se_diz(t)) for t in em_ordem)
    sugestao = quis_dizer(nome, disponiveis)
    return ErroDeUso(causa, f"{sugestao}\nTabelas: {lista}" if sugestao else f"Tabelas: {lista}")


def quis_dizer(nome: str, disponiveis: Collection[str]) -> str:
    """«Você quis dizer a ou b?», ou nada se nenhum nome se parece."""
    ditas = sorted(map(como_se_diz, disponiveis), reverse=True)
    formas = {t.casefold(): t for t in ditas}
    nas_formas = difflib.get_close_matches(nome.casefold(), formas, n=3, cutoff=0.6)
    iguais = [t for t in ditas if t.casefold() == nome.casefold()]
    parecidas = sorted(iguais) or [formas[f] for f in nas_formas]
    return f"Você quis dizer {' ou '.join(map(visivel, parecidas))}?" if parecidas else ""


def interpretar_tabelas(resposta: str, disponiveis: Sequence[str]) -> tuple[str, ...]:
    """«0» ou «todas», «1,3», «1 3», «2-5», nomes, ou uma mistura, na ordem do manual.

    Levanta ErroDeUso com a primeira parte que não se entende: meia escolha não vale.
    """
    inteira = tabela_de_nome(resposta.strip(), disponiveis)
    if inteira is not None:
        return (inteira,)  # um nome pode ter vírgula
    if resposta.strip().casefold() in TODAS:
        return tuple(disponiveis)
    escolhidas: set[str] = set()
    for parte in (p.strip() for p in resposta.split(",")):
        escolhidas.update(_tabelas_da_parte(parte, disponiveis))
    return tuple(sorted(escolhidas, key=ordem_de_exibicao))


def _tabelas_da_parte(parte: str, disponiveis: Sequence[str]) -> Iterator[str]:
    """As de um pedaço entre vírgulas; se ele não é um nome nem um número, as de cada palavra."""
    achadas = _de_uma(parte, disponiveis)
    palavras = re.sub(r"(\d)\s*-\s*(\d)", r"\1-\2", parte).split()
    for palavra in () if achadas else palavras:
        da_palavra = _de_uma(palavra, disponiveis)
        if not da_palavra:
            inteiro = len(palavras) > 1 and not any(_de_uma(p, disponiveis) for p in palavras)
            raise _nao_entendi(parte if inteiro else palavra, disponiveis)
        achadas += da_palavra
    if not achadas:
        raise _nao_entendi(parte, disponiveis)
    yield from achadas


def _de_uma(texto: str, disponiveis: Sequence[str]) -> list[str]:
    """As de um número, de uma faixa ou de um nome; vazio se não é nada disso."""
    faixa = re.fullmatch(r"(\d+)\s*-\s*(\d+)", texto)
    inicio, fim = (faixa[1], faixa[2]) if faixa else (texto, texto)
    i, f = indice(inicio, len(disponiveis)), indice(fim, len(disponiveis))
    nome = tabela_de_nome(texto, disponiveis)
    if i is not None and f is not None:
        return list(disponiveis[i : f + 1])
    return [nome] if nome is not None else []


def _nao_entendi(parte: str, disponiveis: Sequence[str]) -> ErroDeUso:
    if not parte:
        return ErroDeUso("Falta um número ou um nome (ou sobra uma vírgula).", "")
    if parte.casefold() in TODAS:
        return ErroDeUso(f"«{parte}» já são todas as tabelas: responda só {parte}.", "")
    if re.fullmatch(r"\d+(\s*-\s*\d+)?", parte):
        return ErroDeUso(f"Não entendi «{parte}»: as tabelas vão de 1 a {len(disponiveis)}.", "")
    return ErroDeUso(f"Não entendi «{visivel(parte)}».", quis_dizer(parte, disponiveis))


def interpretar_numeros(resposta: str, quantos: int) -> tuple[int, ...]:
    """Os índices (a partir de 0) de «1», «1,3-5», «1 3», na ordem dos números e sem repetir.

    Levanta ErroDeUso com a primeira parte que não é um número de 1 a `quantos` nem uma faixa.
    """
    achados: set[int] = set()
    sem_espacos = re.sub(r"(\d)\s*-\s*(\d)", r"\1-\2", resposta)
    for parte in filter(None, re.split(r"[,\s]+", sem_espacos)):
        de, _, ate = parte.partition("-") if "-" in parte else (parte, "", parte)
        i, f = indice(de, quantos), indice(ate, quantos)
        if i is None or f is None or f < i:
            causa = f"Não entendi «{visivel(parte)}»: são números de 1 a {quantos}."
            raise ErroDeUso(causa, "")
        achados.update(range(i, f + 1))
    if not achados:
        raise ErroDeUso(
            f"Responda um número de 1 a {quantos}." if quantos > 1 else "Responda 1.", ""
        )
    return tuple(sorted(achados))


def indice(texto: str, quantos: int) -> int | None:
    """O índice (a partir de 0) de uma resposta de 1 a `quantos`; None se não é uma delas."""
    if not texto.isdecimal() or len(texto) > len(str(quantos)):
        return None
    return int(texto) - 1 if 1 <= int(texto) <= quantos else None
