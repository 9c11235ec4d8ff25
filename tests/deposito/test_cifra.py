"""Fechar e abrir no formato age: o `age` de fora como juiz, os estragos, e o disco que se enche."""

from __future__ import annotations

import errno
import hashlib
import io
import queue
import random
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio import age
from apoio.campanha import exemplos
from cofre.base.disco import para_o_disco
from cofre.base.erros import BackupDanificado, ConfiguracaoInvalida, ErroDeUso
from cofre.deposito.cifra import chaveiro
from cofre.deposito.cifra.chaveiro import FaltaChave
from cofre.deposito.cifra.chaves import (
    ChaveQueAbre,
    ChaveQueFecha,
    gerar,
    impressao,
    ler_que_abre,
    ler_que_fecham,
)
from cofre.deposito.cifra.comprimento import comprimento_certo
from cofre.deposito.cifra.escrita import Fechado, Saida, fechando
from cofre.deposito.cifra.leitura import abrindo

BLOCO = 64 * 1024
NAS_BEIRAS = sorted({max(0, n * BLOCO + d) for n in range(4) for d in (-1, 0, 1)})
DONO, RESERVA, OUTRA = gerar(), gerar(), gerar()
PARA = (DONO.publica, RESERVA.publica)


def conteudo(quantos: int, semente: int = 7) -> bytes:
    return random.Random(semente).randbytes(quantos)


def fechar(dados: bytes, para: Sequence[ChaveQueFecha] = PARA, em: int = 10_000) -> bytes:
    """O conteúdo cifrado, escrito em pedaços deste tamanho."""
    saida = io.BytesIO()
    with fechando(saida, para) as fechado:
        for inicio in range(0, len(dados), em):
            fechado.write(dados[inicio : inicio + em])
    assert fechado.sha256 == hashlib.sha256(saida.getvalue()).hexdigest()
    assert fechado.bytes == len(saida.getvalue())
    return saida.getvalue()


def abrir(cifrado: bytes, *com: ChaveQueAbre) -> bytes:
    with abrindo(io.BytesIO(cifrado), com or (DONO,)) as aberto:
        return aberto.read()


# -- o age de fora ---------------------------------------------------------------------------


@pytest.mark.parametrize("quantos", NAS_BEIRAS)
def test_o_age_abre_o_que_fechamos_em_cada_beira_de_bloco(quantos: int) -> None:
    cifrado = fechar(conteudo(quantos))
    assert age.decifrar(cifrado, RESERVA.texto()) == conteudo(quantos)
    assert abrir(cifrado) == conteudo(quantos)


@pytest.mark.parametrize("armadura", [False, True])
@pytest.mark.parametrize("quantas", [1, 2, 3])
def test_abrimos_o_que_o_age_fecha(quantas: int, *, armadura: bool) -> None:
    chaves = (DONO, RESERVA, OUTRA)[:quantas]
    dados = conteudo(2 * BLOCO + 5)
    cifrado = age.cifrar(dados, [c.publica.texto for c in chaves], armadura=armadura)
    for chave in chaves:
        assert abrir(cifrado, chave) == dados


@pytest.mark.parametrize("quantas", [1, 2, 3])
def test_qualquer_das_chaves_abre_no_age(quantas: int) -> None:
    chaves = (DONO, RESERVA, OUTRA)[:quantas]
    cifrado = fechar(b"ola", [c.publica for c in chaves])
    assert [age.decifrar(cifrado, c.texto()) for c in chaves] == [b"ola"] * quantas


def test_uma_chave_do_age_keygen_serve_como_ele_a_escreve() -> None:
    arquivo = age.nova_chave()
    chave = ler_que_abre(arquivo)
    assert f"# public key: {chave.publica.texto}" in arquivo
    assert age.decifrar(fechar(b"x", [chave.publica]), chave.texto()) == b"x"


# -- as chaves -------------------------------------------------------------------------------


def test_a_chave_que_abre_le_se_de_muitos_jeitos() -> None:
    texto = DONO.texto()
    grupos = " ".join(texto[i : i + 4] for i in range(0, len(texto), 4))
    for escrita in (
        texto,
        texto.lower(),
        f"# nota\n\n  {grupos}\r\n",
        texto.replace("-", "\u2013"),
    ):
        assert ler_que_abre(escrita) == DONO


@pytest.mark.parametrize(
    "errada",
    ["", "age1abc", DONO.texto()[:-1], f"{DONO.texto()}\n{RESERVA.texto()}", DONO.publica.texto],
    ids=["vazia", "qualquer", "curta", "duas", "publica"],
)
def test_o_que_nao_e_uma_chave_que_abre_recusa_se_sem_a_citar(errada: str) -> None:
    with pytest.raises(ErroDeUso) as erro:
        ler_que_abre(errada)
    assert DONO.texto()[20:40] not in f"{erro.value} {erro.value.dica}"


def test_nenhum_erro_de_digitacao_da_outra_chave() -> None:
    sorteio, letras = random.Random(3), "023456789ACDEFGHJKLMNPQRSTUVWXYZ"
    for _ in range(300):
        texto = list(DONO.texto())
        for onde in sorteio.sample(range(16, len(texto)), sorteio.randint(1, 3)):
            texto[onde] = sorteio.choice([c for c in letras if c != texto[onde]])
        with pytest.raises(ErroDeUso):
            ler_que_abre("".join(texto))


def test_a_chave_que_abre_nao_aparece_em_repr_nenhum() -> None:
    assert DONO.texto()[16:] not in f"{DONO!r} {DONO} {[DONO]} {vars(chaveiro)}"
    assert DONO.publica.texto in repr(DONO)


def test_as_que_fecham_leem_se_separadas_por_qualquer_coisa() -> None:
    a, b = DONO.publica, RESERVA.publica
    assert ler_que_fecham(f"{a.texto},{b.texto}") == (a, b)
    assert ler_que_fecham(f' "{a.texto.upper()}" ;\n {b.texto} , {a.texto}') == (a, b)
    assert ler_que_fecham(" ") == ()


@pytest.mark.parametrize(
    "errada",
    ["age1", DONO.publica.texto[:-1] + "b", "ssh-ed25519", "age1pq1" + "q" * 60],
    ids=["curta", "uma letra trocada", "de ssh", "de outro tipo"],
)
def test_uma_que_fecha_errada_recusa_se(errada: str) -> None:
    if errada == DONO.publica.texto:
        errada = errada[:-1] + "c"
    with pytest.raises(ConfiguracaoInvalida, match="2ª chave que fecha"):
        ler_que_fecham(f"{RESERVA.publica.texto},{errada}")


def test_uma_chave_que_abre_no_lugar_da_que_fecha_nunca_e_repetida() -> None:
    with pytest.raises(ConfiguracaoInvalida, match="ABRE") as erro:
        ler_que_fecham(f"{DONO.publica.texto} {DONO.texto().lower()}")
    assert DONO.texto()[16:30] not in f"{erro.value} {erro.value.dica}".upper()


def test_a_impressao_e_do_conjunto() -> None:
    assert impressao(PARA) == impressao(PARA[::-1]) != impressao(PARA[:1])


# -- o que não abre --------------------------------------------------------------------------


def test_sem_chave_ou_com_outra_diz_se_que_falta_a_chave() -> None:
    cifrado = fechar(b"segredo")
    with pytest.raises(FaltaChave), abrindo(io.BytesIO(cifrado), ()):
        pass
    with pytest.raises(FaltaChave):
        abrir(cifrado, OUTRA)
    assert abrir(cifrado, OUTRA, RESERVA) == b"segredo"


def _ler_aos_poucos(cifrado: bytes, lidos: list[bytes]) -> None:
    with abrindo(io.BytesIO(cifrado), (DONO,)) as aberto:
        while pedaco := aberto.read(1000):
            lidos.append(pedaco)


def _trocado(dados: bytes, onde: int) -> bytes:
    return dados[:onde] + bytes([dados[onde] ^ 1]) + dados[onde + 1 :]


ESTRAGOS: dict[str, Callable[[bytes, bytes, int], bytes]] = {
    "trocado": lambda c, _outro, onde: _trocado(c, onde),
    "cortado": lambda c, _outro, onde: c[:onde],
    "acrescentado": lambda c, _outro, _onde: c + b"x",
    "o fim de outro": lambda c, outro, _onde: c[:-BLOCO] + outro[-BLOCO:],
    "o começo de outro": lambda c, outro, onde: outro[: onde // 2 + 1] + c[onde // 2 + 1 :],
    "blocos em outra ordem": lambda c, _outro, _onde: c[BLOCO:] + c[:BLOCO],
}


@given(
    quantos=st.sampled_from([0, 5, BLOCO, 3 * BLOCO + 17]),
    onde=st.integers(0, 10**6),
    como=st.sampled_from(sorted(ESTRAGOS)),
)
@settings(max_examples=exemplos(80), deadline=None)
def test_de_um_estragado_nunca_sai_um_byte_trocado(quantos: int, onde: int, como: str) -> None:
    """Lê-se só um começo certo, e sempre com o erro no fim."""
    original = conteudo(quantos)
    cifrado, outro = fechar(original), fechar(original)
    estragado = ESTRAGOS[como](cifrado, outro, onde % len(cifrado))
    if estragado in (cifrado, outro):
        return
    lidos: list[bytes] = []
    with pytest.raises((BackupDanificado, FaltaChave)):
        _ler_aos_poucos(estragado, lidos)
    assert original.startswith(b"".join(lidos))


def test_um_arquivo_qualquer_nao_e_um_cifrado() -> None:
    for qualquer in (b"", b"[]\n", conteudo(100_000)):
        with pytest.raises(BackupDanificado):
            abrir(qualquer)


def test_o_erro_do_disco_ao_ler_passa_como_e() -> None:
    class Cai(io.BytesIO):
        def read(self, quantos: int | None = -1, /) -> bytes:
            if self.tell() > 70_000:
                raise OSError(errno.EIO, "caiu")
            return super().read(quantos)

    with (
        pytest.raises(OSError, match="caiu") as erro,
        abrindo(Cai(fechar(conteudo(300_000))), (DONO,)) as aberto,
    ):
        aberto.read()
    assert erro.value.errno == errno.EIO


def test_quem_para_de_ler_nao_deixa_um_fio_a_espera() -> None:
    antes = threading.active_count()
    with abrindo(io.BytesIO(fechar(conteudo(3_000_000))), (DONO,)) as aberto:
        assert aberto.read(10) == conteudo(3_000_000)[:10]
    assert threading.active_count() == antes


# -- o disco que se enche --------------------------------------------------------------------


class Cheio:
    """Uma saída que aceita só os primeiros `cabem` bytes."""

    def __init__(self, cabem: int, erro: Callable[[], BaseException]) -> None:
        self.cabem, self.erro = cabem, erro
        self.gravados = b""

    def write(self, dados: bytes, /) -> int:
        if len(self.gravados) + len(dados) > self.cabem:
            raise self.erro()
        self.gravados += bytes(dados)
        return len(dados)

    def flush(self) -> None:
        """Nada fica por gravar."""


def _sem_espaco() -> OSError:
    return OSError(errno.ENOSPC, "cheio")


@given(quantos=st.integers(0, 200_000), falta=st.integers(1, 300_000))
@settings(max_examples=exemplos(60), deadline=None)
def test_um_disco_que_se_enche_em_qualquer_byte_e_sempre_dito(quantos: int, falta: int) -> None:
    inteiro = fechar(conteudo(quantos), PARA)
    saida = Cheio(max(0, len(inteiro) - 200 - falta), _sem_espaco)
    with pytest.raises(OSError, match="cheio"), fechando(saida, PARA) as fechado:
        fechado.write(conteudo(quantos))


@pytest.mark.skipif(sys.platform == "win32", reason="não há /dev/full")
@pytest.mark.parametrize("quantos", [0, 1, 5_000, 8_192, 100_000, 3_000_000])
@pytest.mark.parametrize("folga", [0, 8_192])
def test_o_dev_full_e_sempre_dito(quantos: int, folga: int) -> None:
    """Com uma gravação guardada na memória do arquivo, quem o diz é despejá-la."""
    with (
        pytest.raises(OSError, match="space left") as erro,
        Path("/dev/full").open("wb", buffering=folga) as cheio,
        fechando(cheio, PARA) as fechado,
    ):
        fechado.write(conteudo(quantos))
    assert erro.value.errno == errno.ENOSPC


class Perde:
    """Uma saída que diz ter gravado o que perdeu: o último pedaço."""

    def __init__(self) -> None:
        self.pedacos: list[bytes] = []

    def write(self, dados: bytes, /) -> int:
        self.pedacos.append(bytes(dados))
        return len(dados)

    def flush(self) -> None:
        """Nada."""


def test_o_que_o_cifrador_deixa_de_mandar_e_dito(monkeypatch: pytest.MonkeyPatch) -> None:
    """Como se a última gravação nunca chegasse a nós: a regra do tamanho é quem o vê."""
    from cofre.deposito.cifra import age as do_pyrage

    certo = do_pyrage.encrypt_io

    class SemOFim:
        def __init__(self, saida: Saida) -> None:
            self.saida, self.guardado = saida, b""

        def write(self, dados: bytes, /) -> int:
            self.saida.write(self.guardado)
            self.guardado = bytes(dados)
            return len(dados)

        def flush(self) -> None:
            """O último pedaço perde-se."""

    def esquecido(de: object, para: Saida, chaves: object) -> None:
        certo(de, SemOFim(para), chaves)  # type: ignore[arg-type]

    monkeypatch.setattr(do_pyrage, "encrypt_io", esquecido)
    for quantos in (0, 1, BLOCO, BLOCO + 1):
        with pytest.raises(OSError, match="incompleto"), fechando(Perde(), PARA) as fechado:
            fechado.write(conteudo(quantos))


def test_uma_saida_que_grava_pela_metade_grava_tudo() -> None:
    class Metade(io.BytesIO):
        def write(self, dados: object, /) -> int:
            vista = memoryview(dados)  # type: ignore[arg-type]
            return super().write(vista[: max(1, len(vista) // 2)])

    saida = Metade()
    with fechando(saida, PARA) as fechado:
        fechado.write(conteudo(100_000))
    assert abrir(saida.getvalue()) == conteudo(100_000)


@pytest.mark.parametrize("quantos", [0, 10, 200_000])
def test_um_ctrl_c_na_saida_continua_um_ctrl_c(quantos: int) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        fechando(Cheio(0, KeyboardInterrupt), PARA) as fechado,
    ):
        fechado.write(conteudo(quantos))


def _interrompida(saida: io.BytesIO) -> None:
    with fechando(saida, PARA) as fechado:
        fechado.write(conteudo(3 * BLOCO))
        raise KeyboardInterrupt


def test_um_bloco_que_levanta_nao_deixa_um_arquivo_que_se_abra() -> None:
    saida, antes = io.BytesIO(), threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        _interrompida(saida)
    assert threading.active_count() == antes
    with pytest.raises(BackupDanificado):
        abrir(saida.getvalue())
    assert age.decifrar_se_der(saida.getvalue(), DONO.texto()).returncode != 0


def test_um_ctrl_c_enquanto_se_diz_que_acabou_nao_prende(monkeypatch: pytest.MonkeyPatch) -> None:
    """O sinal chega antes de o outro fio saber que não vem mais nada."""
    vezes = iter([True])
    certo = queue.Queue.put

    def por(fila: queue.Queue[bytes | None], item: bytes | None, *mais: object) -> None:
        if item is None and next(vezes, False):
            raise KeyboardInterrupt
        certo(fila, item, *mais)  # type: ignore[arg-type]

    monkeypatch.setattr(queue.Queue, "put", por)
    antes = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        fechar(b"x")
    assert threading.active_count() == antes


# -- muitos ao mesmo tempo, e o tamanho ------------------------------------------------------


def test_muitos_fios_ao_mesmo_tempo_nao_se_misturam() -> None:
    def vai_e_volta(n: int) -> bool:
        dados = conteudo(n * 997, n)
        return abrir(fechar(dados, em=5_000)) == dados

    with ThreadPoolExecutor(8) as fios:
        assert all(fios.map(vai_e_volta, range(150)))


@pytest.mark.parametrize("quantos", NAS_BEIRAS)
def test_o_tamanho_de_um_inteiro_esta_certo_e_o_de_um_cortado_no_fim_nao(
    quantos: int, tmp_path: Path
) -> None:
    arquivo = tmp_path / "x.age"
    for cifrado in (
        fechar(conteudo(quantos)),
        age.cifrar(conteudo(quantos), [DONO.publica.texto]),
    ):
        with arquivo.open("wb") as saida:
            saida.write(cifrado)
            para_o_disco(saida)
        assert comprimento_certo(arquivo)
        resto = quantos % BLOCO or (BLOCO if quantos else 0)
        arquivo.write_bytes(cifrado[: -(resto + 1)])
        assert not comprimento_certo(arquivo)
        arquivo.write_bytes(cifrado[:20])
        assert not comprimento_certo(arquivo)


def test_o_chaveiro_guarda_so_na_memoria_e_esquece() -> None:
    chaveiro.guardar(DONO)
    chaveiro.guardar(DONO)
    try:
        assert chaveiro.que_abrem() == (DONO,)
    finally:
        chaveiro.esquecer()
    assert chaveiro.que_abrem() == ()


def test_um_fechado_so_se_escreve() -> None:
    saida = io.BytesIO()
    with fechando(saida, PARA) as fechado:
        assert isinstance(fechado, Fechado)
        assert fechado.writable()
        assert not fechado.readable()
