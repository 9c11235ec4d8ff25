"""Os conteúdos dos arquivos de uma empresa, cada um uma vez, pelo sha256 dos bytes no disco.

::

    empresa_x/arquivos/ab/abcd…64 hex          o conteúdo, como está no Storage
    empresa_x/arquivos/ab/abcd…64 hex.age      cifrado: abre-se com «age -d», e mais nada

Todos os backups da empresa os repartem; quem cita cada um é o `conteudos_<carimbo>.json` de cada
backup. Nada que venha de um balde dá nome a coisa nenhuma aqui. Não se compactam: fotos e PDFs já
o estão, e assim uma mão abre-os sem mais nada.

Entra: bytes que chegam aos pedaços. Sai: a soma e o tamanho do que ficou, e os bytes, outra vez.
Escreve aqui, e apaga, só quem tem a trava da empresa; ler, qualquer um. Levanta FalhaDeDisco,
BackupDanificado, FaltaChave e DependenciaAusente.
"""
