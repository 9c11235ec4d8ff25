"""/storage/v1/: o menor substituto do Storage com as recusas, os silêncios e as armadilhas dele.

O servidor de verdade não vem de nenhum registro de pacotes. Este foi escrito depois de medir aquele
(supabase/storage 4fa61fba, v1.11.2; arquivos.md): cada docstring diz a seção de onde vem o que faz.
Por baixo, `storage.objects` e `storage.buckets` no mesmo PostgreSQL, com a RLS de quem pede, e o
conteúdo em arquivos ao lado do cluster.
"""
