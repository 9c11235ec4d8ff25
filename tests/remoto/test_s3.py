"""Um serviço S3 como destino: o ambiente hostil, as recusas, as linhas lentas e as que caem."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apoio.campanha import CAMPANHA, amostra
from apoio.destinos import SEGREDO
from apoio.execucao import RAIZ
from apoio.portas import porta_presa
from apoio.procurador import Destino as Corte
from apoio.procurador import passar, procurador
from apoio.s3_torto import Pedido, Resposta, ServicoTorto, envio_em_partes, servico_torto
from apoio.servidores_s3 import CHAVE, PREFIXO, S3, LugarS3, ServidoresS3
from cofre.base.config.copia import Copia, S3Dito
from cofre.base.config.processo import sem_variaveis_da_aws
from cofre.base.erros import DependenciaAusente
from cofre.remoto import erros, s3, s3_envio, s3_lista, s3_loja
from cofre.remoto.abrir import abrir
from cofre.remoto.destino import MARCA, Trava
from cofre.remoto.s3 import DestinoS3
from cofre.remoto.s3_envio import Envio
from cofre.remoto.s3_erros import FalhaDoServico

NOME = "blobs/ab/abc1.age"
SO_POSIX = pytest.mark.skipif(
    os.name != "posix", reason="no Windows não se manda um Ctrl+C só a um"
)


@pytest.fixture(autouse=True)
def sem_espera(monkeypatch: pytest.MonkeyPatch) -> None:
    """As repetições são as mesmas; a espera entre elas, não."""
    monkeypatch.setattr(s3_loja, "ESPERA", 0.001)


def dito(porta: int, segredo: str = SEGREDO) -> S3Dito:
    endereco = f"http://127.0.0.1:{porta}"
    texto = f"s3://balde/{PREFIXO}"
    return S3Dito(texto, "balde", PREFIXO, endereco, "us-east-1", CHAVE, segredo)


def calado(*_: object) -> None:
    pass


@pytest.fixture
def arquivo(tmp_path: Path) -> Path:
    caminho = tmp_path / "daqui.age"
    caminho.write_bytes(os.urandom(300_000))
    return caminho


def verbos(destino: DestinoS3, arquivo: Path) -> dict[str, Callable[[], object]]:
    return {
        "listar": lambda: list(destino.listar("blobs")),
        "enviar": lambda: destino.enviar([(NOME, arquivo)], calado),
        "ler": lambda: destino.ler(NOME, io.BytesIO()),
        "apagar": lambda: destino.apagar(NOME),
        "sondar": destino.sondar,
    }


# -- o ambiente -------------------------------------------------------------------------------

HOSTIL = {
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9/",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9/",
    "AWS_ENDPOINT": "http://127.0.0.1:9/",
    "AWS_ACCESS_KEY_ID": "DE-OUTRO",
    "AWS_SECRET_ACCESS_KEY": "de-outro",
    "AWS_SESSION_TOKEN": "de-outro",
    "AWS_REGION": "eu-west-9",
    "AWS_DEFAULT_REGION": "eu-west-9",
    "AWS_SKIP_SIGNATURE": "true",
    "AWS_SERVER_SIDE_ENCRYPTION": "aws:kms",
    "AWS_SSE_KMS_KEY_ID": "chave",
    "AWS_REQUEST_PAYER": "true",
    "AWS_CHECKSUM_ALGORITHM": "SHA256",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    "AWS_UNSIGNED_PAYLOAD": "true",
    "AWS_S3_EXPRESS": "true",
    "AWS_PROFILE": "de-outro",
}


def test_o_que_o_ambiente_diz_a_outros_programas_nao_muda_nada(
    servidores_s3: ServidoresS3, arquivo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O servidor confere as assinaturas: só passa quem assinou com a nossa chave."""
    lugar = servidores_s3["rclone-s3"].novo_balde()
    lugar.por(MARCA, b"{}\n")
    for nome, valor in HOSTIL.items():
        monkeypatch.setenv(nome, valor)
    visto: list[bytes] = []

    def olhar(dados: bytes) -> Corte:
        visto.append(dados.lower())
        return Corte.PASSAR

    with procurador(lugar.servidor.porta, olhar) as porta:
        destino = DestinoS3(lugar.dito(porta=porta))
        for verbo in verbos(destino, arquivo).values():
            verbo()

    assert lugar.conteudo() == {MARCA: b"{}\n"}
    assert {n: os.environ.get(n) for n in HOSTIL} == HOSTIL, "o ambiente fica como estava"
    pedidos = b"".join(visto)
    assert b"/us-east-1/s3/aws4_request" in pedidos
    for intruso in ("security-token", "encryption", "payer", "checksum", "de-outro", "unsigned"):
        assert intruso.encode() not in pedidos


def test_varios_fios_abrem_destinos_e_o_ambiente_fica_como_estava(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for nome, valor in HOSTIL.items():
        monkeypatch.setenv(nome, valor)
    antes = dict(os.environ)

    with ThreadPoolExecutor(8) as fios:
        destinos = list(fios.map(lambda _: DestinoS3(dito(9)), range(24)))

    assert dict(os.environ) == antes
    so_o_nosso = {
        "bucket": "balde",
        "region": "us-east-1",
        "endpoint_url_s3": "http://127.0.0.1:9",
        "virtual_hosted_style_request": "false",
        "skip_signature": "false",
        "disable_bulk_delete": "true",
    }
    assert all(dict(d._loja.config) == so_o_nosso for d in destinos)


def test_o_ambiente_que_um_fio_devolve_nao_aparece_a_outro(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9/")
    segundo_dentro, primeiro_fora = threading.Event(), threading.Event()
    visto: list[bool] = []

    def segundo() -> None:
        with sem_variaveis_da_aws():
            segundo_dentro.set()
            primeiro_fora.wait(60)
            visto.append("AWS_ENDPOINT_URL_S3" in os.environ)

    fio = threading.Thread(target=segundo)
    with sem_variaveis_da_aws():
        fio.start()
        segundo_dentro.wait(0.2)  # só entra se não espera a sua vez
    primeiro_fora.set()
    fio.join(60)

    assert visto == [False]


def test_sem_o_pacote_diz_se_qual_instalar(monkeypatch: pytest.MonkeyPatch) -> None:
    for nome in [n for n in sys.modules if n.partition(".")[0] == "obstore"]:
        monkeypatch.delitem(sys.modules, nome)
    monkeypatch.setitem(sys.modules, "obstore", None)

    with pytest.raises(DependenciaAusente, match="Falta o pacote obstore") as falta:
        abrir(Copia((dito(9),)))

    assert falta.value.codigo == 2
    assert "requirements-copia.txt" in falta.value.dica


# -- as recusas ---------------------------------------------------------------------------------

RECUSAS: list[tuple[Resposta, type[erros.FalhaDaCopia], str]] = [
    (Resposta(403, "InvalidAccessKeyId"), erros.AcessoRecusado, "não conhece esta chave"),
    (Resposta(403, "SignatureDoesNotMatch"), erros.AcessoRecusado, "não é o desta chave"),
    (Resposta(403, "AccessDenied"), erros.AcessoRecusado, "não pode fazer isto"),
    (Resposta(403, "AllAccessDisabled"), erros.AcessoRecusado, "fechou este balde"),
    (Resposta(403, "RequestTimeTooSkewed"), erros.AcessoRecusado, "o relógio daqui está errado"),
    (Resposta(403, "RequestExpired"), erros.AcessoRecusado, "o relógio daqui está errado"),
    (Resposta(400, "ExpiredToken"), erros.AcessoRecusado, "venceu"),
    (Resposta(400, "InvalidToken"), erros.AcessoRecusado, "não vale mais"),
    (Resposta(401), erros.AcessoRecusado, "não aceitou a credencial"),
    (Resposta(404, "NoSuchBucket"), erros.DestinoErrado, "este balde não existe"),
    (Resposta(400, "InvalidBucketName"), erros.DestinoErrado, "este nome de balde"),
    (Resposta(400, "AuthorizationHeaderMalformed"), erros.DestinoErrado, "a região está errada"),
    (Resposta(400, "IllegalLocationConstraintException"), erros.DestinoErrado, "região"),
    (Resposta(301, "PermanentRedirect"), erros.DestinoErrado, "outro endereço ou região"),
    (Resposta(429, "TooManyRequests"), FalhaDoServico, "mais devagar"),
    (Resposta(503, "SlowDown"), FalhaDoServico, "mais devagar"),
    (Resposta(503, "ServiceUnavailable"), erros.DestinoFora, "fora do ar"),
    (Resposta(500, "InternalError"), FalhaDoServico, "o serviço teve um erro"),
    (Resposta(502), FalhaDoServico, "o serviço teve um erro"),
    (Resposta(400, "RequestTimeout"), erros.DestinoFora, "lenta demais"),
    (Resposta(400, "BadDigest", "The Content-MD5 did not match"), erros.FalhaDaCopia, "estragado"),
    (Resposta(400, "XAmzContentSHA256Mismatch"), erros.FalhaDaCopia, "estragado"),
    (Resposta(413, "EntityTooLarge"), erros.SemEspaco, "um arquivo deste tamanho"),
    (Resposta(507), erros.SemEspaco, "espaço contratado acabou"),
    (
        Resposta(403, "AccessDenied", "Cannot upload files, storage cap exceeded."),
        erros.SemEspaco,
        "espaço contratado acabou",
    ),
    (Resposta(403, "QuotaExceeded"), erros.SemEspaco, "espaço contratado acabou"),
    (Resposta(501, "NotImplemented"), erros.FalhaDaCopia, "não faz o que lhe foi pedido"),
    (Resposta(418, "Bule"), erros.FalhaDaCopia, "o serviço recusou"),
    (Resposta(403, "ObjectLockedByBucketPolicy"), erros.Travado, "a trava do balde"),
    (
        Resposta(403, "AccessDenied", "Access Denied because object protected by object lock."),
        erros.Travado,
        "a trava do balde",
    ),
    (
        Resposta(400, "InvalidRequest", "Content-MD5 OR x-amz-checksum- is required"),
        erros.FalhaDaCopia,
        "não aceita as somas",
    ),
]
TODOS = [(n, verbo) for n in range(len(RECUSAS)) for verbo in ("listar", "enviar", "ler", "apagar")]


@pytest.fixture(scope="module")
def recusa() -> Iterator[tuple[ServicoTorto, list[Resposta]]]:
    """Um serviço que recusa tudo com o último da lista."""
    ditas: list[Resposta] = [Resposta(500)]
    with servico_torto(lambda _: ditas[-1]) as servico:
        yield servico, ditas


@pytest.mark.parametrize(("n", "verbo"), amostra(TODOS, len(RECUSAS)))
def test_cada_recusa_tem_causa_e_cura_e_nenhum_segredo(
    recusa: tuple[ServicoTorto, list[Resposta]],
    arquivo: Path,
    monkeypatch: pytest.MonkeyPatch,
    n: int,
    verbo: str,
) -> None:
    monkeypatch.setattr(s3_loja, "TENTATIVAS", 1)
    servico, ditas = recusa
    resposta, tipo, causa = RECUSAS[n]
    ditas.append(resposta)
    destino = DestinoS3(dito(servico.porta))

    with pytest.raises(erros.FalhaDaCopia, match=causa) as falha:
        verbos(destino, arquivo)[verbo]()

    erro = falha.value
    assert type(erro) is tipo
    assert str(erro).startswith(f"s3://balde/{PREFIXO}: ")
    assert erro.dica
    assert erro.codigo == 13
    dito_tudo = "".join(traceback.format_exception(erro)) + erro.dica + repr(destino)
    for alheio in (SEGREDO, CHAVE, "127.0.0.1", "Debug source"):
        assert alheio not in dito_tudo


def test_quem_nao_atende_e_o_segredo_errado_sao_ditos(
    servidores_s3: ServidoresS3, arquivo: Path
) -> None:
    lugar = servidores_s3["rclone-s3"].novo_balde()
    alheio = DestinoS3(lugar.dito(segredo="outro"))

    with porta_presa() as porta:
        for chamar in verbos(DestinoS3(dito(porta)), arquivo).values():
            with pytest.raises(erros.DestinoFora, match="não consigo falar com o serviço"):
                chamar()
    for chamar in verbos(alheio, arquivo).values():
        with pytest.raises(erros.AcessoRecusado):
            chamar()
    assert lugar.conteudo() == {}


def test_um_certificado_que_nao_e_de_confianca_e_dito(arquivo: Path) -> None:
    import ssl

    import trustme

    contexto = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(contexto)
    with servico_torto(lambda _: Resposta(), contexto) as servico:
        seguro = f"https://127.0.0.1:{servico.porta}"
        texto = f"s3://balde/{PREFIXO}"
        destino = DestinoS3(S3Dito(texto, "balde", PREFIXO, seguro, "us-east-1", CHAVE, SEGREDO))
        with pytest.raises(erros.DestinoFora, match="certificado"):
            destino.enviar([(NOME, arquivo)], calado)


# -- os nomes hostis -----------------------------------------------------------------------------

HOSTIS = ("a//b.age", "blobs//ab.age", "blobs/../x.age", "./x.age", "blobs/ab/a\tb", "blobs/\x01")


@pytest.mark.parametrize("servidor", S3)
def test_um_nome_hostil_no_balde_nao_esconde_a_copia(
    servidores_s3: ServidoresS3, monkeypatch: pytest.MonkeyPatch, servidor: str
) -> None:
    """Quem tem a credencial deste computador pode pô-lo lá, e a trava o conserva. Nem todo servidor
    aceita todos; todos aceitam algum."""
    monkeypatch.setattr(s3_lista, "POR_PAGINA", 2)
    lugar = servidores_s3[servidor].novo_balde()
    objetos = {MARCA: b"{}\n"}
    objetos |= {f"blobs/ab/abc{n}.age": os.urandom(n) for n in range(5)}
    objetos |= {"lacres/0a/20260116_182944-w.json": b"x" * 9}
    for nome, dados in objetos.items():
        lugar.por(nome, dados)
    antes = {o.nome: (o.bytes, o.modificado.date()) for o in lugar.destino.listar("")}
    postos = 0
    for nome in HOSTIS:
        with contextlib.suppress(Exception):  # o boto3 diz de muitos modos que não
            lugar.por(nome, b"hostil")
            postos += 1

    assert postos
    depois = [(o.nome, (o.bytes, o.modificado.date())) for o in lugar.destino.listar("")]
    assert dict(depois) == antes
    assert len(depois) == len(antes), "nenhum se repete"
    assert {n: b for n, (b, _) in depois} == {n: len(d) for n, d in objetos.items()}
    assert {o.nome for o in lugar.destino.listar("blobs/ab")} == {
        n for n in objetos if n.startswith("blobs/")
    }
    assert lugar.destino.sondar().marca == b"{}\n"


def test_um_balde_so_com_um_nome_hostil_nao_esta_vazio(servidores_s3: ServidoresS3) -> None:
    lugar = servidores_s3["moto"].novo_balde()
    lugar.por("a//b", b"hostil")

    assert list(lugar.destino.listar("")) == []
    assert lugar.destino.sondar().vazio is False


def test_a_lista_sem_a_obstore_diz_o_mesmo_de_cada_recusa(
    recusa: tuple[ServicoTorto, list[Resposta]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_loja, "TENTATIVAS", 1)
    servico, ditas = recusa
    for resposta, tipo, causa in RECUSAS:
        ditas.append(resposta)
        with pytest.raises(erros.FalhaDaCopia, match=causa) as falha:
            list(s3_lista.listar_sem_a_obstore(dito(servico.porta), "", ""))
        assert type(falha.value) is tipo
        assert SEGREDO not in "".join(traceback.format_exception(falha.value))
    with porta_presa() as porta, pytest.raises(erros.DestinoFora, match="não consigo falar"):
        list(s3_lista.listar_sem_a_obstore(dito(porta), "", ""))


# -- o balde com trava -----------------------------------------------------------------------


@pytest.mark.parametrize("cada", [20_000, 6_000_000], ids=["inteiro", "em partes"])
def test_um_balde_com_trava_recebe_a_soma_que_pede(tmp_path: Path, cada: int) -> None:
    """A Amazon recusa um PUT sem soma num balde com trava. Fonte: «Object Lock considerations», na
    documentação do Amazon S3."""
    caminho = tmp_path / "daqui.age"
    caminho.write_bytes(os.urandom(cada))

    def regra(pedido: Pedido) -> Resposta:
        if (resposta := envio_em_partes(pedido)) is not None:
            return resposta
        if pedido.metodo == "PUT" and "x-amz-checksum-sha256" not in pedido.cabecalhos:
            mensagem = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object"
            return Resposta(400, "InvalidRequest", f"{mensagem} requests with Object Lock")
        return Resposta(cabecalhos={"ETag": '"e"'})

    with servico_torto(regra) as servico:
        destino = DestinoS3(dito(servico.porta))
        destino.enviar([(NOME, caminho)], calado)
        antes = len(servico.pedidos)
        destino.enviar([(NOME, caminho)], calado)

    postos = [p for p in servico.pedidos[antes:] if p.metodo == "PUT"]
    assert sum(p.tamanho for p in postos) == cada
    assert all("x-amz-checksum-sha256" in p.cabecalhos for p in postos), "aprendeu da recusa"


def test_a_sonda_ve_as_versoes_e_a_trava(servidores_s3: ServidoresS3) -> None:
    simples = servidores_s3["moto"].novo_balde()
    simples.por(MARCA, b"{}\n")
    travado = servidores_s3["moto"].novo_balde(ObjectLockEnabledForBucket=True)
    regra = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 60}}
    travado.servidor.boto.put_object_lock_configuration(
        Bucket=travado.balde,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": regra},
    )
    travado.por(MARCA, b"{}\n")

    visto = simples.destino.sondar()
    assert (visto.versoes, visto.trava) == (False, None)
    visto = travado.destino.sondar()
    assert visto.versoes is True
    assert isinstance(visto.trava, Trava)
    assert (visto.trava.modo, visto.trava.dias) == ("governance", 60)
    sem_o_objeto = travado.destino.sondar("lacres/0a/1.json")
    assert (sem_o_objeto.versoes, sem_o_objeto.trava) == (None, None)


@pytest.mark.parametrize("cada", [20_000, 12_000_000], ids=["inteiro", "em partes"])
@pytest.mark.parametrize("servidor", ["moto", "rclone-s3"])
def test_o_que_muda_ao_ser_enviado_nao_chega(
    servidores_s3: ServidoresS3, tmp_path: Path, servidor: str, cada: int
) -> None:
    lugar = servidores_s3[servidor].novo_balde()
    caminho = tmp_path / "daqui.age"
    caminho.write_bytes(os.urandom(cada))
    destino = lugar.destino
    for tamanho in (cada - 1, cada + 1):
        with pytest.raises(erros.FalhaDaCopia, match=r"daqui\.age mudou ao ser enviado"):
            asyncio.run(destino._mandar(Envio(NOME, caminho, tamanho)))

    assert lugar.conteudo() == {}


# -- as linhas ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantos", "cada", "esperados"),
    [(40, 1_000, 8), (12, 4 * 1024 * 1024, 2), (3, 14 * 1024 * 1024, 2)],
    ids=["pequenos", "médios", "em partes"],
)
def test_no_ar_so_ha_o_que_uma_linha_lenta_aguenta(
    tmp_path: Path, quantos: int, cada: int, esperados: int
) -> None:
    """Cada pedido fica à espera até que haja tantos quantos cabem: nem mais, nem menos."""
    caminho = tmp_path / "daqui.age"
    caminho.write_bytes(os.urandom(cada))
    tranca, no_ar, maximos = threading.Lock(), [0, 0], [0, 0]
    cheio = threading.Event()

    def regra(pedido: Pedido) -> Resposta:
        if (resposta := envio_em_partes(pedido)) is not None:
            return resposta
        with tranca:
            no_ar[0] += 1
            no_ar[1] += pedido.tamanho
            maximos[:] = [max(a, b) for a, b in zip(maximos, no_ar, strict=True)]
            if no_ar[0] == esperados:
                cheio.set()
        assert cheio.wait(60)
        with tranca:
            no_ar[0] -= 1
            no_ar[1] -= pedido.tamanho
        return Resposta(cabecalhos={"ETag": '"e"'})

    ouvido: dict[str, list[int]] = {}
    with servico_torto(regra) as servico:
        itens = [(f"blobs/ab/abc{n}.age", caminho) for n in range(quantos)]
        DestinoS3(dito(servico.porta)).enviar(
            itens, lambda nome, bytes_: ouvido.setdefault(nome, []).append(bytes_)
        )

    assert maximos[0] == esperados
    assert maximos[1] <= s3_envio.NO_AR
    assert {nome: passos[-1] for nome, passos in ouvido.items()} == dict.fromkeys(
        (nome for nome, _ in itens), cada
    )


def test_numa_linha_lenta_nada_se_manda_duas_vezes(
    servidores_s3: ServidoresS3, tmp_path: Path
) -> None:
    """Numa campanha, 60 MB a 1,5 MB/s, com os prazos de verdade: com os que a obstore traz, manda
    quatro vezes isso e desiste."""
    por_segundo, partes = 1_500_000, (20_000_000, 6_000_000) if CAMPANHA else (600_000, 90_000)
    lugar = servidores_s3["localbucket"].novo_balde()
    objetos = {f"blobs/ab/abc{n}.age": os.urandom(cada) for n, cada in enumerate(partes * 2)}
    objetos |= {f"blobs/cd/cde{n}.age": os.urandom(20_000) for n in range(20)}
    tranca, passados = threading.Lock(), 0

    def devagar(dados: bytes) -> Corte:
        nonlocal passados
        with tranca:
            time.sleep(len(dados) / por_segundo)
            passados += len(dados)
        return Corte.PASSAR

    itens = []
    for nome, dados in objetos.items():
        itens.append((nome, tmp_path / nome.replace("/", "+")))
        itens[-1][1].write_bytes(dados)
    with procurador(lugar.servidor.porta, devagar) as porta:
        DestinoS3(lugar.dito(porta=porta)).enviar(itens, calado)

    assert lugar.conteudo() == objetos
    total = sum(map(len, objetos.values()))
    assert total < passados < total * 1.01 + 2_000 * len(objetos)


PONTOS = [(cada, em) for cada in (300_000, 6_000_000) for em in range(0, cada, cada // 30)]


@pytest.mark.parametrize(("cada", "em"), amostra(PONTOS, 5))
def test_uma_linha_que_cai_ao_enviar_e_continuada(
    servidores_s3: ServidoresS3, tmp_path: Path, cada: int, em: int
) -> None:
    """Cai uma vez, depois de tantos bytes mandados."""
    lugar = servidores_s3["rclone-s3"].novo_balde()
    dados = os.urandom(cada)
    (tmp_path / "daqui.age").write_bytes(dados)
    with procurador(lugar.servidor.porta, caindo(em)) as porta:
        destino = DestinoS3(lugar.dito(porta=porta))
        destino.enviar([(NOME, tmp_path / "daqui.age")], calado)

    assert lugar.conteudo() == {NOME: dados}


@pytest.mark.parametrize(("cada", "em"), amostra(PONTOS, 5))
@pytest.mark.parametrize("servidor", ["moto", "localbucket"])
def test_uma_linha_que_cai_ao_ler_e_continuada(
    servidores_s3: ServidoresS3,
    monkeypatch: pytest.MonkeyPatch,
    servidor: str,
    cada: int,
    em: int,
) -> None:
    """O pequeno vem de uma vez; o grande, aos trechos."""
    monkeypatch.setattr(s3, "TRECHO", 512 * 1024)
    lugar = servidores_s3[servidor].novo_balde()
    dados = os.urandom(cada)
    lugar.por(NOME, dados)
    saida = io.BytesIO()
    with procurador(lugar.servidor.porta, passar, caindo(em)) as porta:
        DestinoS3(lugar.dito(porta=porta)).ler(NOME, saida)

    assert saida.getvalue() == dados


def caindo(em: int) -> Callable[[bytes], Corte]:
    """Deixa passar tantos bytes, e corta a conexão uma vez."""
    passados, caiu = 0, False

    def olhar(dados: bytes) -> Corte:
        nonlocal passados, caiu
        passados += len(dados)
        if caiu or passados <= em:
            return Corte.PASSAR
        caiu = True
        return Corte.CORTAR

    return olhar


@pytest.mark.parametrize("servidor", S3)
def test_um_grande_vem_aos_trechos_de_onde_se_quer(
    servidores_s3: ServidoresS3, monkeypatch: pytest.MonkeyPatch, servidor: str
) -> None:
    """O rclone não dá partes: vem de uma vez."""
    monkeypatch.setattr(s3, "TRECHO", 64 * 1024)
    lugar: LugarS3 = servidores_s3[servidor].novo_balde()
    dados = os.urandom(1_000_000)
    lugar.por(NOME, dados)

    for desde in (0, 1, 64 * 1024, 999_999, 1_000_000):
        saida = io.BytesIO()
        lugar.destino.ler(NOME, saida, desde)
        assert saida.getvalue() == dados[desde:]


INTERROMPIDO = """
import pathlib, sys, threading
sys.path[:0] = [SCRIPTS]
from cofre.comando.execucao import _sigterm_como_ctrl_c
_sigterm_como_ctrl_c()
from cofre.base.config.copia import S3Dito
from cofre.remoto.s3 import DestinoS3
from cofre.remoto.s3_envio import Envio
from cofre.remoto.s3_erros import FalhaDoServico
destino = DestinoS3(S3Dito("s3://balde", "balde", "", "http://127.0.0.1:PORTA", "x", "a", "b"))
try:
    VERBO
except KeyboardInterrupt:
    print("interrompido")
"""


def interrompido(verbo: str, porta: int) -> subprocess.Popen[str]:
    """Um processo que faz isto com um serviço nesta porta, e diz se o interromperam."""
    programa = INTERROMPIDO.replace("VERBO", verbo).replace("PORTA", str(porta))
    return subprocess.Popen(
        [sys.executable, "-c", programa.replace("SCRIPTS", repr(str(RAIZ / "scripts")))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


@SO_POSIX
@pytest.mark.parametrize(
    "verbo",
    [
        "destino.enviar([('blobs/a.age', pathlib.Path(sys.executable))] * 9, print)",
        "list(destino.listar(''))",
        "destino.ler('blobs/a.age', sys.stdout.buffer)",
    ],
    ids=["enviar", "listar", "ler"],
)
def test_o_ctrl_c_e_ouvido_a_meio_de_um_pedido(verbo: str) -> None:
    """Com os sinais como os programas os põem."""
    chegou, solta = threading.Event(), threading.Event()

    def regra(_: Pedido) -> Resposta:
        chegou.set()
        solta.wait(60)
        return Resposta(500)

    with servico_torto(regra) as servico:
        processo = interrompido(verbo, servico.porta)
        assert chegou.wait(60)
        processo.send_signal(signal.SIGINT)
        saida, _ = processo.communicate(timeout=60)
        solta.set()  # até aqui, ninguém respondeu

    assert (processo.returncode, saida) == (0, "interrompido\n")


def test_um_ctrl_c_que_calha_dentro_de_um_envio_nao_deixa_queixas() -> None:
    """O sinal chega enquanto o Python está a meio de uma das tarefas, e não à espera delas."""
    verbo = """async def cai(*_): raise KeyboardInterrupt
    DestinoS3._mandar = cai
    destino.enviar([('blobs/a.age', pathlib.Path(sys.executable))] * 9, print)"""
    processo = interrompido(verbo, porta=9)
    saida, _ = processo.communicate(timeout=60)
    assert (processo.returncode, saida) == (0, "interrompido\n")
