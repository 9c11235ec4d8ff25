"""As peças que todos os testes usam."""

pytest_plugins = [
    "apoio.memoria",
    "apoio.servidores",
    "apoio.lojinha",
    "apoio.loja",
    "apoio.balcao",
    "apoio.bancada",
    "apoio.extensoes",
    "apoio.navegador",
    "apoio.servidores_s3",
    "apoio.servidores_rclone",
    "apoio.sistema",
    "apoio.fatias",
]
