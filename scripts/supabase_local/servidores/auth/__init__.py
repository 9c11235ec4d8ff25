"""/auth/v1/admin/: o menor substituto do Auth com as recusas, os silêncios e as armadilhas dele.

O servidor de verdade não vem de nenhum registro de pacotes. Este foi escrito depois de ler aquele
(supabase/auth bc32168e, v2.196.0; logins.md): cada docstring diz a seção de onde vem o que faz. Por
baixo, `auth.users` e o que pende dela, no mesmo PostgreSQL, com o papel `supabase_auth_admin`.
"""
