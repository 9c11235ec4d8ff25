"""O que a obstore levanta, em palavras. As mensagens dela são despejos de vinte linhas, com tipos
que mudam com o verbo (uma lista dá sempre GenericError): vale o código que o serviço escreveu.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from cofre.remoto.erros import (
    AcessoRecusado,
    DestinoErrado,
    DestinoFora,
    FalhaDaCopia,
    ObjetoAusente,
    SemEspaco,
    Travado,
)


class FalhaDoServico(FalhaDaCopia):
    """O serviço falhou por si, ou pediu calma: outra tentativa pode dar certo."""


class NomeIlegal(FalhaDaCopia):
    """Há no balde um nome que a obstore não aceita, e por isso não lista nada."""


class SemTrechos(FalhaDaCopia):
    """O serviço dá sempre o objeto inteiro, mesmo a quem pede uma parte."""


_CODIGO = re.compile(r"<Code>\s*([A-Za-z0-9_]{1,60})\s*</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_MENSAGEM = re.compile(r"<Message>([^<]{0,400})</Message>")
_DA_TRAVA = re.compile(r"object.?lock|retention|compliance|legal hold|\bworm\b|locked", re.I)
_DA_SOMA = re.compile(r"content-md5|x-amz-checksum|checksum", re.I)
_DA_COTA = re.compile(r"storage cap|quota|insufficient ?storage", re.I)

_REVEJA = "Confira COPIA_S3_CHAVE e COPIA_S3_SEGREDO no .env: copie as duas de novo do painel."
_REGIAO = "Confira COPIA_S3_ENDERECO e COPIA_S3_REGIAO no painel do serviço."
_ESPERE = "É do serviço, e costuma passar: a próxima execução envia o que falta."
_PERMITA = "Dê a esta chave, no painel, listar, ler e gravar neste balde."
_RELOGIO = "Acerte o relógio deste computador (hora automática) e tente de novo."

_Sentido = tuple[type[FalhaDaCopia], str, str]
_POR_CODIGO: dict[str, _Sentido] = {
    "InvalidAccessKeyId": (AcessoRecusado, "o serviço não conhece esta chave de acesso", _REVEJA),
    "SignatureDoesNotMatch": (AcessoRecusado, "o segredo não é o desta chave de acesso", _REVEJA),
    "InvalidToken": (AcessoRecusado, "a chave de acesso não vale mais", _REVEJA),
    "ExpiredToken": (AcessoRecusado, "a chave de acesso venceu", _REVEJA),
    "AccessDenied": (AcessoRecusado, "esta chave de acesso não pode fazer isto", _PERMITA),
    "AllAccessDisabled": (
        AcessoRecusado,
        "o serviço fechou este balde",
        "Veja no painel: a conta pode estar suspensa ou com o pagamento em atraso.",
    ),
    "RequestTimeTooSkewed": (AcessoRecusado, "o relógio daqui está errado", _RELOGIO),
    "RequestExpired": (AcessoRecusado, "o relógio daqui está errado", _RELOGIO),
    "NoSuchBucket": (
        DestinoErrado,
        "este balde não existe",
        "Confira o nome em COPIA_DESTINO e COPIA_S3_ENDERECO, ou crie o balde no painel.",
    ),
    "InvalidBucketName": (
        DestinoErrado,
        "o serviço não aceita este nome de balde",
        "Confira o nome em COPIA_DESTINO.",
    ),
    "NoSuchKey": (ObjetoAusente, "não há este objeto", ObjetoAusente.dica),
    "AuthorizationHeaderMalformed": (DestinoErrado, "a região está errada", _REGIAO),
    "IllegalLocationConstraintException": (DestinoErrado, "a região está errada", _REGIAO),
    "PermanentRedirect": (DestinoErrado, "o balde é de outro endereço ou região", _REGIAO),
    "SlowDown": (FalhaDoServico, "o serviço pediu para ir mais devagar", _ESPERE),
    "TooManyRequests": (FalhaDoServico, "o serviço pediu para ir mais devagar", _ESPERE),
    "ServiceUnavailable": (DestinoFora, "o serviço está fora do ar", _ESPERE),
    "InternalError": (FalhaDoServico, "o serviço teve um erro", _ESPERE),
    "BadDigest": (FalhaDaCopia, "o arquivo chegou estragado ao serviço", _ESPERE),
    "XAmzContentSHA256Mismatch": (FalhaDaCopia, "o arquivo chegou estragado ao serviço", _ESPERE),
    "RequestTimeout": (DestinoFora, "a linha está lenta demais", _ESPERE),
    "EntityTooLarge": (
        SemEspaco,
        "o serviço não aceita um arquivo deste tamanho",
        "Veja o limite no painel, ou use outro serviço.",
    ),
    "NotImplemented": (
        FalhaDaCopia,
        "o serviço não faz o que lhe foi pedido",
        "Use este balde pelo rclone: configure-o lá e escreva rclone:NOME:balde/pasta.",
    ),
}
_ESTRAGADOS = frozenset({"BadDigest", "XAmzContentSHA256Mismatch"})
_SEM_LUGAR: _Sentido = (
    SemEspaco,
    "o espaço contratado acabou",
    "Aumente o limite no painel do serviço, ou apague de lá o que não é da cópia.",
)
_TRAVADO: _Sentido = (Travado, "a trava do balde não deixa", Travado.dica)
_PEDE_SOMA: _Sentido = (
    FalhaDaCopia,
    "o balde tem trava, e o serviço não aceita as somas que enviamos com os arquivos",
    "Use este balde pelo rclone: configure-o lá e escreva rclone:NOME:balde/pasta.",
)
_POR_STATUS: dict[str, _Sentido] = {
    "301": _POR_CODIGO["PermanentRedirect"],
    "401": (AcessoRecusado, "o serviço não aceitou a credencial", _REVEJA),
    "403": _POR_CODIGO["AccessDenied"],
    "404": _POR_CODIGO["NoSuchKey"],
    "413": _POR_CODIGO["EntityTooLarge"],
    "429": _POR_CODIGO["SlowDown"],
    "501": _POR_CODIGO["NotImplemented"],
    "503": _POR_CODIGO["ServiceUnavailable"],
    "507": _SEM_LUGAR,
}
_DA_REDE: tuple[tuple[re.Pattern[str], _Sentido], ...] = (
    (
        re.compile(r"UnknownIssuer|InvalidCertificate|certificate", re.I),
        (
            DestinoFora,
            "o certificado do serviço não é de confiança neste computador",
            "Um antivírus ou o proxy da rede pode estar no meio: instale o certificado dele, ou"
            " diga onde está em SSL_CERT_FILE.",
        ),
    ),
    (
        re.compile(r"dns error|lookup address|name resolution|name or service", re.I),
        (DestinoFora, "não acho este endereço", "Confira a internet e COPIA_S3_ENDERECO."),
    ),
    (
        re.compile(r"kind: Timeout|TimedOut|timed out", re.I),
        (
            DestinoFora,
            "o serviço não respondeu a tempo",
            "Confira a internet. O que já foi enviado fica: a próxima execução envia o resto.",
        ),
    ),
    (
        re.compile(r"error sending request|HTTP error|kind: (?:Connect|Request|Decode|Body)"),
        (
            DestinoFora,
            "não consigo falar com o serviço",
            "Confira a internet, o proxy e COPIA_S3_ENDERECO.",
        ),
    ),
)
_SEM_TRECHOS: _Sentido = (SemTrechos, "o serviço não dá partes de um arquivo", _ESPERE)
_NOME_ILEGAL: _Sentido = (NomeIlegal, "há no balde um nome que não se lê", _ESPERE)
_OUTRO: _Sentido = (FalhaDaCopia, "o serviço recusou", "Veja no painel do serviço o que houve.")


@contextlib.contextmanager
def erros_do_s3(nome: str, fazendo: str) -> Iterator[None]:
    """Traduz o que a obstore levanta em FalhaDaCopia, que diz o destino `nome` e o que se estava
    `fazendo`. O erro original não vai junto: o texto dele tem endereços e cabeçalhos."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, FileNotFoundError) as e:
        raise traduzir(nome, fazendo, str(e)) from None


def traduzir(nome: str, fazendo: str, texto: str) -> FalhaDaCopia:
    """O erro com causa e cura; `texto` é a mensagem da obstore, de que só se mostra o código."""
    achado = _CODIGO.search(texto)
    status = _STATUS.search(texto)
    codigo = achado[1] if achado else ""
    tipo, causa, cura = _sentido(codigo, status[1] if status else "", texto)
    if tipo is ObjetoAusente:
        objeto = fazendo.rpartition(" ")[2]
        return ObjetoAusente(f"{nome}: não há {objeto}.")
    dito = codigo or (status[1] if status else "")
    return tipo(f"{nome}: {causa} ({', '.join(p for p in (fazendo, dito) if p)}).", cura)


def pede_soma(erro: FalhaDaCopia) -> bool:
    """Se o serviço recusou um envio porque não levava uma soma nos cabeçalhos."""
    return _PEDE_SOMA[1] in str(erro)


def _sentido(codigo: str, status: str, texto: str) -> _Sentido:
    mensagem = _MENSAGEM.search(texto)
    dita = f"{codigo} {mensagem[1] if mensagem else ''}"
    if codigo in _ESTRAGADOS:
        return _POR_CODIGO[codigo]
    if _DA_COTA.search(dita):
        return _SEM_LUGAR
    if status.startswith("4") or status == "501":
        if _DA_SOMA.search(dita):
            return _PEDE_SOMA
        if _DA_TRAVA.search(dita):
            return _TRAVADO
    if codigo in _POR_CODIGO:
        return _POR_CODIGO[codigo]
    if status in _POR_STATUS:
        return _POR_STATUS[status]
    if status.startswith("5"):
        return _POR_CODIGO["InternalError"]
    if texto.startswith("Encountered object with invalid path"):
        return _NOME_ILEGAL
    if "non-partial response" in texto:
        return _SEM_TRECHOS
    if "redirect without LOCATION" in texto:  # é como a obstore diz um 301 do S3
        return _POR_CODIGO["PermanentRedirect"]
    if not status:
        return next((s for padrao, s in _DA_REDE if padrao.search(texto)), _OUTRO)
    return _OUTRO
