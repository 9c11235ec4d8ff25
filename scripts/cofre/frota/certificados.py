"""Os certificados da frota: uma autoridade que os assina todos e se esquece, e um de cada papel.

O Dask aceita, de cada lado, quem mostre um certificado da mesma autoridade: quem tem um destes
arquivos roda código em todas as máquinas da frota, ao lado da chave de serviço. A chave da
autoridade não se guarda: para haver mais um, fazem-se todos de novo.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from distributed.security import Security

from cofre.base import perfil
from cofre.base.comandos import BACKUP, comando
from cofre.base.disco import erros_de_disco, ler_ficha
from cofre.base.erros import ConfiguracaoInvalida
from cofre.base.palavras import na_tela

NO_PERFIL = "frota"
AUTORIDADE = "autoridade.pem"
AGENDADOR, TRABALHADOR, QUEM_COMECA = "agendador.pem", "trabalhador.pem", "quem-comeca.pem"
PAPEIS = (AGENDADOR, TRABALHADOR, QUEM_COMECA)
"""Um arquivo de cada papel: o certificado e a chave dele."""
VALEM = timedelta(days=825)


def pasta() -> Path:
    """Onde estão, nesta máquina."""
    return perfil.pasta() / NO_PERFIL


def criar(agora: datetime) -> datetime:
    """Faz outros, no lugar dos que haja; devolve até quando valem. Levanta FalhaDeDisco."""
    chave = ec.generate_private_key(ec.SECP256R1())
    nome = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "frota do cofre")])
    ate = agora.astimezone(UTC) + VALEM
    autoridade = (
        _por_assinar(nome, nome, chave.public_key(), agora, ate)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(chave, hashes.SHA256())
    )
    arquivos = {AUTORIDADE: autoridade.public_bytes(serialization.Encoding.PEM)}
    for papel in PAPEIS:
        sua = ec.generate_private_key(ec.SECP256R1())
        titular = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, Path(papel).stem)])
        usos = x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        )
        certificado = (
            _por_assinar(titular, nome, sua.public_key(), agora, ate)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usos, critical=False)
            .sign(chave, hashes.SHA256())
        )
        arquivos[papel] = certificado.public_bytes(serialization.Encoding.PEM) + sua.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    _guardar(arquivos)
    return ate


def _guardar(arquivos: Mapping[str, bytes]) -> None:
    for nome, dados in arquivos.items():
        perfil.gravar(f"{NO_PERFIL}/{nome}", dados)


def _por_assinar(
    titular: x509.Name,
    autoridade: x509.Name,
    publica: ec.EllipticCurvePublicKey,
    agora: datetime,
    ate: datetime,
) -> x509.CertificateBuilder:
    # Um dia de folga: os relógios das máquinas não são iguais.
    return (
        x509.CertificateBuilder()
        .subject_name(titular)
        .issuer_name(autoridade)
        .public_key(publica)
        .serial_number(x509.random_serial_number())
        .not_valid_before(agora.astimezone(UTC) - timedelta(days=1))
        .not_valid_after(ate)
    )


def seguranca(papel: str, agora: datetime) -> Security:
    """Como este papel se apresenta. Levanta ConfiguracaoInvalida se falta algum arquivo, ou se o
    certificado já não vale, e FalhaDeDisco."""
    do_papel, autoridade = pasta() / papel, pasta() / AUTORIDADE
    faltam = [a for a in (do_papel, autoridade) if not a.is_file()]
    if faltam:
        raise ConfiguracaoInvalida(
            f"Falta o certificado da frota: {' e '.join(map(str, faltam))}.",
            "Copie para essa pasta os da máquina em que os criou; se ainda não os criou:\n"
            f"  {comando(BACKUP, '--frota', 'criar')}",
        )
    with erros_de_disco(do_papel):
        certificado = x509.load_pem_x509_certificate(ler_ficha(do_papel))
    if (ate := certificado.not_valid_after_utc) < agora:
        raise ConfiguracaoInvalida(
            f"O certificado {do_papel} venceu em {na_tela(ate, 'dia')}.",
            "Faça outros, e copie-os de novo para as outras máquinas:\n"
            f"  {comando(BACKUP, '--frota', 'criar')}",
        )
    nosso = str(do_papel)
    return Security(
        require_encryption=True,
        tls_ca_file=str(autoridade),
        tls_scheduler_cert=nosso,
        tls_scheduler_key=nosso,
        tls_worker_cert=nosso,
        tls_worker_key=nosso,
        tls_client_cert=nosso,
        tls_client_key=nosso,
    )
