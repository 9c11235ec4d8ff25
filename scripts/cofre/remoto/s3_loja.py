"""A ligação a um serviço S3: o que da obstore se configura, e por quê."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cofre.base.comandos import DA_COPIA, como_instalar
from cofre.base.config.copia import S3Dito
from cofre.base.config.processo import sem_variaveis_da_aws
from cofre.base.erros import DependenciaAusente

if TYPE_CHECKING:
    from obstore.store import S3Credential, S3Store

PRAZO = "120s"
"""O de cada pedido, do começo ao fim: um prazo só de leitura contaria também enquanto se manda."""
TENTATIVAS = 4
"""Quantas vezes se repete um pedido que o serviço, ou a rede, não deixou acabar."""
ESPERA = 0.5
"""Segundos antes da primeira repetição; dobra a cada uma, com sorteio."""


def abrir_loja(dito: S3Dito, *, com_soma: bool) -> S3Store:
    """O balde e a pasta; `com_soma` manda com cada objeto a soma dele num cabeçalho. Não procura o
    serviço. Levanta DependenciaAusente."""
    try:
        from obstore.store import S3Store
    except ModuleNotFoundError as e:
        if (e.name or "").partition(".")[0] != "obstore":
            raise
        dica = f"Uma cópia em s3:// precisa de mais um pacote. {como_instalar(DA_COPIA)}"
        raise DependenciaAusente("Falta o pacote obstore.", dica) from e
    credencial: S3Credential = {
        "access_key_id": dito.chave,
        "secret_access_key": dito.segredo,
        "token": None,
        "expires_at": None,
    }
    # Sem isto, o que o ambiente diz para outros programas venceria o que o .env diz para este.
    with sem_variaveis_da_aws():
        return S3Store(
            dito.balde,
            prefix=dito.prefixo or None,
            region=dito.regiao,
            aws_endpoint_url_s3=dito.endereco,
            virtual_hosted_style_request=False,
            skip_signature=False,
            # Por fora da configuração: ela se mostra, e a credencial não pode ir junto.
            credential_provider=lambda: credencial,
            disable_bulk_delete=True,  # há serviços sem o apagar de muitos
            config={"checksum_algorithm": "SHA256"} if com_soma else None,
            client_options={
                "connect_timeout": "10s",
                "timeout": PRAZO,
                "allow_http": dito.endereco.startswith("http://"),
            },
            retry_config={
                "max_retries": TENTATIVAS,
                # Uma nova tentativa leva a assinatura da primeira, que vale cinco minutos.
                "retry_timeout": timedelta(minutes=4),
                "backoff": {
                    "init_backoff": timedelta(seconds=ESPERA),
                    "max_backoff": timedelta(seconds=20 * ESPERA),
                    "base": 2,
                },
            },
        )
