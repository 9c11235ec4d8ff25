"""O que as perguntas da restauração mostram, em linhas de texto. Nada é perguntado aqui."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cofre.base.modelo import Empresa, ordem_de_exibicao
from cofre.base.palavras import colunas, como_se_diz, em_linhas, na_tela, numero, plural, visivel
from cofre.deposito.backup import Backup
from cofre.deposito.cobertura import visto_em
from cofre.deposito.guardados import lembrados_de, que, tabelas_em
from cofre.deposito.idade import as_horas
from cofre.deposito.inventario import EM_PALAVRAS, EmpresaComBackups, de_rotina, mais_novo, por_data
from cofre.deposito.no_disco import estado_de
from cofre.deposito.quando import EXEMPLOS_DE_DATA, e_data
from cofre.deposito.tabela_salva import SEM_CONTAGEM
from cofre.deposito.verificacao import Dano
from cofre.plano.tabela import Contagem
from cofre.restauracao.exame import Exame, quais
from cofre.rotina import marcas
from cofre.rotina.marcas import Estragos

EXEMPLOS = 3
LINHAS_DE_TABELAS = 14
"""Uma por linha, deixam ver a pergunta e o que a cerca num terminal de 24."""
ENTRE = "   "
"""Entre duas colunas."""
SETA = " → "
FOTOS = ("foto tirada ao restaurar", "fotos tiradas ao restaurar")


def empresas(guardadas: Sequence[EmpresaComBackups], largura: int | None) -> Iterator[str]:
    """As empresas que têm backup, e o que há com os dados de cada uma."""
    yield "🏢 EMPRESAS COM BACKUP DISPONÍVEL"
    for i, g in enumerate(guardadas, 1):
        ultimo = mais_novo(reversed(g.backups))
        quando = na_tela(ultimo.quando, "minuto") if ultimo else "nenhum inteiro"
        if ultimo and (visto := visto_em(ultimo)):
            quando += f", {as_horas(visto)}"
        linha = f"{i}. {visivel(g.empresa.nome)} (último backup: {quando})"
        marca = "  ".join(marcas.da_empresa(g))
        if not marca or largura is None or len(linha) + len(marca) + 3 <= largura:
            yield f"{linha}  {marca}".rstrip()
        else:
            yield from (linha, f"   {marca}")
    yield ""


def sem_empresa(
    resposta: str, todas: Sequence[Empresa], achadas: Sequence[Empresa]
) -> Iterator[str]:
    """Por que a resposta não é uma empresa, e quais podiam ser."""
    if achadas:
        yield f"   «{visivel(resposta)}» pode ser mais de uma:"
        for empresa in achadas:
            yield f"      {todas.index(empresa) + 1}. {visivel(empresa.nome)}"
    elif resposta:
        yield f"   Nenhuma empresa com «{visivel(resposta)}» no nome."
    yield f"   {responda(len(todas))}"


def sem_data(resposta: str, mostrados: int, achados: Sequence[Backup]) -> Iterator[str]:
    """Por que a resposta não é um dos backups, e quais podiam ser."""
    if achados:
        yield f"   Há {numero(len(achados))} backups assim. Diga também a hora, ou o número:"
        for backup in achados:
            yield f"      {na_tela(backup.quando)}"
        return
    if e_data(resposta):
        yield f"   Não há backup de {visivel(resposta)}."
    yield f"   {responda(mostrados, f'uma data ({EXEMPLOS_DE_DATA})')}"


def responda(quantos: int, ou: str = "") -> str:
    """O que se pode responder a uma lista."""
    numeros = f"um número de 1 a {quantos}" if quantos > 1 else "1"
    return f"Responda {', '.join(filter(None, (numeros, ou)))}; ? explica, q sai."


def efeitos_que_ficam(largura: int | None) -> Iterator[str]:
    """Porque não se pergunta, quando só voltam registros."""
    yield em_linhas(
        "   Ficam assim: é o banco a acompanhar o que voltou, como o estoque de uma venda."
        " (--efeitos desfazer deixa essas tabelas como estavam.)",
        largura,
        3,
    )


def ajuda_dos_efeitos(largura: int | None) -> Iterator[str]:
    """O que se recomenda, e por quê."""
    yield em_linhas(
        "   Recomendado: s, se ninguém usava o sistema agora (foi o banco que mexeu nelas, por"
        " causa das linhas que voltaram); n, se alguém usava, ou na dúvida. ? explica, q decide"
        " depois.",
        largura,
        3,
    )


def tabelas(
    guardada: EmpresaComBackups,
    backup: Backup,
    oferecidas: Sequence[str],
    escolhas: str,
    largura: int | None = None,
) -> Iterator[str]:
    """As tabelas que se oferecem de um backup, e as outras `escolhas`; em quantos outros cada uma
    está, e, num terminal desta `largura`, quantos registros tem neste e, se são outros, no mais
    novo: em várias colunas, se são muitas e cabem. O que há agora no banco só o plano diz: aqui
    ainda não se perguntou nada ao servidor."""
    contados = que(guardada.backups, lambda b: b.de_rotina or b.carimbo == backup.carimbo)
    de_cada = tabelas_em(contados)
    em_quantos = [de_cada[nome] for nome in oferecidas]
    novo = mais_novo(reversed(que(guardada.backups, lambda b: b.de_rotina))) or backup
    registros = [_registros(backup, novo, nome) for nome in oferecidas]
    yield ""
    yield "📋 TABELAS DISPONÍVEIS"
    yield "0. [TODAS AS TABELAS]"
    seta = "; → os do mais novo" if any(SETA in r for r in registros) else ""
    if juntas := _em_colunas(oferecidas, em_quantos, registros, largura):
        yield from juntas
        legenda = f"(entre parênteses, em quantos backups está; ao lado, os registros neste{seta})"
        yield em_linhas(f"   {legenda}", largura, 4)
    else:
        for i, (nome, n) in enumerate(zip(oferecidas, em_quantos, strict=True), 1):
            ha = f"  {registros[i - 1]}" if largura is not None and registros[i - 1] else ""
            yield f"{i}. {visivel(como_se_diz(nome))} ({plural(n, 'backup', 'backups')}){ha}"
        if largura is not None and seta:
            yield em_linhas(f"   (ao lado, os registros neste{seta})", largura, 4)
    for ressalva in _ressalvas(backup, oferecidas):
        yield f"   ⚠️ {ressalva}"
    for marca in marcas.em_palavras(backup, Estragos.em(guardada)):
        yield f"   {marca}"
    yield f"   (backup de {na_tela(backup.quando)}; {escolhas})"
    yield ""


def _registros(backup: Backup, novo: Backup, tabela: str) -> str:
    """«145», ou «145 → 0» se no `novo` são outros."""
    neste, no_novo = _quantos(backup, tabela), _quantos(novo, tabela)
    if SEM_CONTAGEM in (neste, no_novo) or neste == no_novo:
        return "" if neste == SEM_CONTAGEM else numero(neste)
    return f"{numero(neste)}{SETA}{numero(no_novo)}"


def _quantos(backup: Backup, tabela: str) -> int:
    salva = backup.meta.tabelas.get(tabela) if backup.meta else None
    return SEM_CONTAGEM if salva is None else salva.registros


def _em_colunas(
    nomes: Sequence[str], em_quantos: Sequence[int], registros: Sequence[str], largura: int | None
) -> list[str]:
    """«23. vendas (3)  1.053», de cima para baixo em cada coluna; vazio se não são muitas, ou se
    não cabem duas colunas."""
    if largura is None or len(nomes) <= LINHAS_DE_TABELAS:
        return []
    casas = len(str(len(nomes)))
    ditos = [
        f"{i:>{casas}}. {visivel(como_se_diz(nome))} ({quantos})"
        for i, (nome, quantos) in enumerate(zip(nomes, em_quantos, strict=True), 1)
    ]
    esquerda, direita = (max(map(len, textos)) for textos in (ditos, registros))
    celulas = [f"{d:<{esquerda}} {r:>{direita}}" for d, r in zip(ditos, registros, strict=True)]
    cabem = (largura + len(ENTRE)) // (len(celulas[0]) + len(ENTRE))
    if cabem < 2:
        return []
    altura = -(-len(celulas) // cabem)
    return [ENTRE.join(celulas[i::altura]).rstrip() for i in range(altura)]


def _ressalvas(backup: Backup, oferecidas: Sequence[str]) -> Iterator[str]:
    """O que não está no backup, ou não se oferece dele."""
    if backup.meta is None:
        return
    if backup.meta.falhas:
        yield f"incompleto: sem {quais(sorted(backup.meta.falhas))}"
    if danificadas := sorted(backup.meta.tabelas.keys() - oferecidas):
        yield f"danificado: não voltam dele {quais(danificadas)}"


def mais_novo_com(exame: Exame, escolhidas: Sequence[str], largura: int | None) -> Iterator[str]:
    """Um backup mais novo, com tudo o que se escolheu, e o que há com o resto dele."""
    backup = exame.backup
    de_que = f"backup de {na_tela(backup.quando)} ({exame.estado})"
    quais = "a tabela escolhida" if len(escolhidas) == 1 else "as tabelas escolhidas"
    yield ""
    yield em_linhas(f"ℹ️ Há um {de_que}, mais novo, com {quais}:", largura, 3)
    for ressalva in (*_ressalvas(backup, exame.sadias), *_de_proposito(backup)):
        yield em_linhas(f"   {ressalva}", largura, 6)


def _de_proposito(backup: Backup) -> Iterator[str]:
    if backup.meta and backup.meta.parcial_de:
        yield "só algumas tabelas foram pedidas nele"


def tabelas_de(backup: Backup) -> list[str]:
    """As tabelas de um backup, na ordem do manual."""
    return sorted(backup.meta.tabelas, key=ordem_de_exibicao) if backup.meta else []


def datas(
    guardada: EmpresaComBackups, quantos: int, atual: Backup, largura: int | None
) -> Iterator[str]:
    """Os primeiros `quantos` backups de uma empresa (ver `por_data`), e quantos não se mostram."""
    todos = por_data(guardada.backups)
    yield ""
    yield "📅 BACKUPS DESTA EMPRESA"
    yield from _de_datas(todos[:quantos], atual, Estragos.em(guardada), largura)
    escondidos = todos[quantos:]
    fotos = sum(not b.de_rotina for b in lembrados_de(escondidos))
    antigos = len(escondidos) - fotos
    partes = [plural(antigos, "backup mais antigo", "backups mais antigos")] if antigos else []
    partes += [plural(fotos, *FOTOS)] if fotos else []
    if partes:
        yield f"   (t mostra também: {'; '.join(partes)})"
    yield ""


def danos(achados: Sequence[Dano], *, presta: bool) -> Iterator[str]:
    """O que está danificado num backup; se nada nele `presta`, que não serve."""
    if presta:
        yield "   ⚠️ Esse backup está danificado; só voltam dele as outras tabelas:"
    else:
        yield "   ❌ Esse backup está danificado e não serve para restaurar:"
    for dano in achados[:EXEMPLOS]:
        onde = f"{visivel(como_se_diz(dano.tabela))}: " if dano.tabela else ""
        yield f"      • {onde}{visivel(dano.causa)}"
    if len(achados) > EXEMPLOS:
        yield f"      • e mais {numero(len(achados) - EXEMPLOS)}"
    if not presta:
        yield "   Escolha outro; nada foi alterado."


def efeitos(mudou: Mapping[str, Contagem]) -> Iterator[str]:
    """As tabelas não escolhidas que mudaram."""
    yield ""
    yield "⚠️ TABELAS NÃO ESCOLHIDAS QUE MUDARAM (gatilhos do banco, ou alguém usando)"
    for nome, c in mudou.items():
        yield (
            f"   {visivel(como_se_diz(nome))}: {numero(c.remover)} a mais,"
            f" {numero(c.alterar)} mudadas, {numero(c.repor)} a menos"
        )


def _de_datas(
    backups: Sequence[Backup], escolhido: Backup, estragos: Estragos, largura: int | None
) -> list[str]:
    """Uma linha por backup, numerada, com as colunas alinhadas; duas, se não cabem na `largura`
    (em colunas; None: cabe tudo)."""
    celulas = [_celulas(b, estragos) for b in backups]
    tipo, registros = (max((len(c[n]) for c in celulas), default=0) for n in (1, 2))
    casas = len(str(len(backups)))
    linhas = []
    for n, (backup, (quando, qual, quantos, estado)) in enumerate(
        zip(backups, celulas, strict=True), 1
    ):
        if not de_rotina(backup) and (n == 1 or de_rotina(backups[n - 2])):
            linhas.append("   Fotos tiradas ao restaurar:")
        comeco = f"{n:>{casas}}. {quando}"
        marca = "  ← escolhido" if backup.carimbo == escolhido.carimbo else ""
        inteira = f"{comeco}  {qual:<{tipo}}  {quantos:>{registros}}  {estado}"
        if largura is None or colunas(inteira + marca) <= largura:
            linhas.append(inteira + marca)
        else:
            detalhes = ", ".join(parte for parte in (qual, quantos, estado) if parte)
            linhas += [comeco + marca, f"{'':{casas + 2}}{detalhes}"]
    return linhas


def _celulas(backup: Backup, estragos: Estragos) -> tuple[str, str, str, str]:
    """Quando, tipo, registros e estado (com as marcas), em palavras."""
    quando = na_tela(backup.quando)
    estado = estado_de(backup)[0]
    if backup.meta is None:
        return quando, "", "", estado
    if backup.meta.falhas and estado == "incompleto":
        estado = f"incompleto, sem {quais(sorted(backup.meta.falhas))}"
    estado = "  ".join((estado, *marcas.do_backup(backup, estragos)))
    tipo = EM_PALAVRAS.get(backup.meta.tipo, visivel(backup.meta.tipo))
    return quando, tipo, plural(backup.meta.total, "registro", "registros"), estado
