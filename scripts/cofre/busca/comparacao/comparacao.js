"use strict";
(() => {
  const simples = (texto) => texto.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const tabelas = [...document.querySelectorAll(".tabela")].map((no) => ({
    no,
    nome: simples(no.querySelector(".nome").textContent),
    registros: [...no.querySelectorAll(".registro")].map((r) => ({ no: r, texto: simples(r.textContent) })),
  }));
  const busca = document.getElementById("busca");
  const botoes = [...document.querySelectorAll(".conta")];
  let pedido = "";
  const filtrar = () => {
    const palavras = simples(busca.value).split(/\s+/).filter(Boolean);
    let visiveis = 0;
    for (const tabela of tabelas) {
      let suas = 0;
      for (const { no, texto } of tabela.registros) {
        const tem = palavras.every((p) => texto.includes(p) || tabela.nome.includes(p));
        no.hidden = !tem || (pedido !== "" && no.dataset.oQue !== pedido);
        suas += !no.hidden;
      }
      tabela.no.hidden = suas === 0 && (palavras.length > 0 || pedido !== "");
      visiveis += !tabela.no.hidden;
    }
    document.getElementById("nenhum").hidden = visiveis > 0 || tabelas.length === 0;
  };
  busca.addEventListener("input", filtrar);
  for (const botao of botoes)
    botao.addEventListener("click", () => {
      pedido = botao.dataset.oQue === pedido ? "" : botao.dataset.oQue;
      for (const b of botoes) b.setAttribute("aria-pressed", String(b.dataset.oQue === pedido));
      filtrar();
    });
  // No papel não se clica: o que está fechado se imprime aberto.
  addEventListener("beforeprint", () => tabelas.forEach(({ no }) => { no.open = true; }));
})();
