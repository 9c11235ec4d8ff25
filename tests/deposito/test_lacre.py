"""O lacre, visto também pelo `ssh-keygen`; um byte trocado em qualquer lugar o recusa."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apoio.campanha import exemplos
from apoio.programas import achar
from cofre.base import perfil
from cofre.base.erros import ConfiguracaoInvalida
from cofre.deposito.lacre import assinatura, conhecidos
from cofre.deposito.lacre.assinatura import ChaveDeAssinar, codigo, mesmo_codigo, nova_chave
from cofre.deposito.lacre.lacre import (
    Anterior,
    Corpo,
    LacreRecusado,
    em_ordem,
    fechar,
    ler,
    pseudonimo,
)

CHAVE = ChaveDeAssinar(nova_chave())
SOMAS = [hashlib.sha256(bytes([n])).hexdigest() for n in range(4)]
CORPO = Corpo(
    empresa=pseudonimo("abc12345-0000-4000-8000-000000000001"),
    carimbo="20260116_182944",
    inicio=datetime(2026, 1, 16, 21, 29, 44, 123456, UTC),
    escritor="0123456789abcdef",
    numero=7,
    anteriores=(Anterior(5, "20260114_182944", SOMAS[0]), Anterior(6, "20260115_182944", SOMAS[1])),
    ficha=SOMAS[2],
    detalhes=SOMAS[3],
    blobs=em_ordem([(SOMAS[3], 900), (SOMAS[0], 20)]),
)


@pytest.fixture
def casa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "perfil"))
    return tmp_path


def _ssh_keygen(*argumentos: str, entrada: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    programa = achar(["ssh-keygen"], "openssh-client")
    return subprocess.run([programa, *argumentos], input=entrada, capture_output=True, check=False)


def _conferir_a_mao(
    pasta: Path, dados: bytes, autorizados: Path
) -> subprocess.CompletedProcess[bytes]:
    linha, fim, bloco = dados.partition(b"\n")
    (pasta / "sig").write_bytes(bloco)
    opcoes = ["-f", str(autorizados), "-I", "cofre", "-n", "cofre", "-s", str(pasta / "sig")]
    return _ssh_keygen("-Y", "verify", *opcoes, entrada=linha + fim)


def test_o_ssh_keygen_diz_que_o_nosso_e_bom(casa: Path) -> None:
    minha = conhecidos.minha()
    conhecidos.confiar(minha.publica)
    dados = fechar(CORPO, minha)
    autorizados = perfil.pasta() / conhecidos.AUTORIZADOS

    certo = _conferir_a_mao(casa, dados, autorizados)
    errado = _conferir_a_mao(casa, dados.replace(b'"numero":7', b'"numero":8'), autorizados)

    assert certo.returncode == 0
    assert certo.stdout.startswith(b'Good "cofre" signature for cofre')
    assert errado.returncode != 0


def test_dizemos_que_o_do_ssh_keygen_e_bom_e_e_o_mesmo(casa: Path) -> None:
    arquivo, mensagem = casa / "chave", casa / "corpo"
    _ssh_keygen("-q", "-t", "ed25519", "-N", "", "-C", "de outro", "-f", str(arquivo))
    dados = fechar(CORPO, ChaveDeAssinar(arquivo.read_bytes()))
    linha, fim, bloco = dados.partition(b"\n")
    mensagem.write_bytes(linha + fim)
    _ssh_keygen("-Y", "sign", "-f", str(arquivo), "-n", "cofre", str(mensagem))
    deles = (casa / "corpo.sig").read_bytes()

    assert deles == bloco
    assert assinatura.conferir(linha + fim, deles) == assinatura.publica_em(
        arquivo.with_suffix(".pub").read_text(encoding="utf-8")
    )


def test_o_que_se_assinou_e_o_que_se_le() -> None:
    lido = ler(fechar(CORPO, CHAVE))

    assert {c: getattr(lido, c) for c in Corpo.__struct_fields__} == {
        c: getattr(CORPO, c) for c in Corpo.__struct_fields__
    }
    assert lido.chave == CHAVE.publica
    assert lido.codigo == codigo(CHAVE.publica)
    assert lido.como_anterior == (7, "20260116_182944", hashlib.sha256(lido.dados).hexdigest())


DADOS = fechar(CORPO, CHAVE)


def test_um_byte_trocado_em_qualquer_lugar_se_recusa() -> None:
    for onde, byte in enumerate(DADOS):
        for outro in {byte ^ 1, byte ^ 0x20, 0x0A, 0x3D} - {byte}:
            with pytest.raises(LacreRecusado):
                ler(DADOS[:onde] + bytes([outro]) + DADOS[onde + 1 :])


def test_um_byte_a_mais_ou_a_menos_se_recusa() -> None:
    for onde in range(len(DADOS) + 1):
        with pytest.raises(LacreRecusado):
            ler(DADOS[:onde] + b"\n" + DADOS[onde:])
        if onde < len(DADOS):
            with pytest.raises(LacreRecusado):
                ler(DADOS[:onde] + DADOS[onde + 1 :])
            with pytest.raises(LacreRecusado):
                ler(DADOS[:onde])


@settings(max_examples=exemplos(200), deadline=None)
@given(st.binary(max_size=400), st.binary(max_size=400))
def test_lixo_se_recusa_sem_outro_erro(corpo: bytes, bloco: bytes) -> None:
    for dados in (corpo, corpo + b"\n" + bloco, corpo + b"\n" + CHAVE.assinar(corpo + b"\n")):
        with pytest.raises(LacreRecusado):
            ler(dados)


def test_a_assinatura_de_outro_espaco_de_nomes_nao_serve(casa: Path) -> None:
    arquivo, mensagem = casa / "chave", casa / "corpo"
    _ssh_keygen("-q", "-t", "ed25519", "-N", "", "-f", str(arquivo))
    linha = fechar(CORPO, CHAVE).partition(b"\n")[0] + b"\n"
    mensagem.write_bytes(linha)
    _ssh_keygen("-Y", "sign", "-f", str(arquivo), "-n", "file", str(mensagem))

    with pytest.raises(LacreRecusado):
        ler(linha + (casa / "corpo.sig").read_bytes())


def test_um_corpo_que_nao_e_de_lacre_se_recusa_mesmo_assinado() -> None:
    bom = DADOS.partition(b"\n")[0]
    for de, para in (
        (b'"formato":1', b'"formato":2'),
        (b'"numero":7', b'"numero":0'),
        (b'"escritor":"0123', b'"escritor":"../.'),
        (b'"carimbo":"20260116_182944"', b'"carimbo":"../../outra"'),
        (SOMAS[3].encode(), SOMAS[3].upper().encode()),
        (b',"blobs"', b',"bolos"'),
        (b"Z", b""),
    ):
        assert de in bom
        linha = bom.replace(de, para) + b"\n"
        with pytest.raises(LacreRecusado):
            ler(linha + CHAVE.assinar(linha))


def test_o_codigo_compara_se_com_ou_sem_hifens() -> None:
    certo = codigo(CHAVE.publica)

    assert len(certo) == 19
    assert mesmo_codigo(certo.lower().replace("-", " "), certo)
    assert not mesmo_codigo(certo[:-1], certo)
    assert codigo(ChaveDeAssinar(nova_chave()).publica) != certo


def test_a_chave_nasce_no_perfil_e_so_o_dono_a_le(casa: Path) -> None:
    assert conhecidos.a_minha_publica() == ""
    minha = conhecidos.minha()

    assert conhecidos.minha().publica == minha.publica == conhecidos.a_minha_publica()
    assert conhecidos.conhecidas() == {minha.publica}
    assert "PRIVATE" not in repr(minha)
    if os.name == "posix":
        arquivo = perfil.pasta() / conhecidos.ASSINATURA
        assert stat.S_IMODE(arquivo.stat().st_mode) == 0o600
        assert _ssh_keygen("-y", "-f", str(arquivo)).stdout.decode().strip() == (minha.publica)


def test_so_se_confia_em_quem_foi_aceite(casa: Path) -> None:
    lacre = ler(fechar(CORPO, CHAVE))

    with pytest.raises(conhecidos.AssinanteDesconhecido) as erro:
        conhecidos.conferir_quem(lacre)
    assert codigo(CHAVE.publica) in str(erro.value)

    outra = ChaveDeAssinar(nova_chave())
    conhecidos.confiar(outra.publica)
    conhecidos.confiar(CHAVE.publica)
    conhecidos.conferir_quem(lacre)
    assert conhecidos.conhecidas() == {outra.publica, CHAVE.publica}


def test_uma_chave_que_nao_se_le_diz_o_que_fazer(casa: Path) -> None:
    perfil.gravar(conhecidos.ASSINATURA, b"isto nao e uma chave")

    with pytest.raises(ConfiguracaoInvalida, match="não é uma chave do OpenSSH"):
        conhecidos.minha()
