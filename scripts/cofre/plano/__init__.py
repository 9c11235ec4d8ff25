"""A diferença entre dois estados de uma empresa, e a execução dela numa ordem que o banco aceita.

Entra: os arquivos dos dois estados. Sai: um `plano.Plano`, que se mostra, se testa e se joga
fora; e o que o banco recusou dele, quando o `executor` o leva por um `escritor`. Levanta
BackupDanificado por um arquivo que não se lê, e FalhaDoServidor se o servidor some.
"""
