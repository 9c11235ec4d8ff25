"use strict";
// As idades são contas de agora, não de quando a página foi gerada: se o backup parar de rodar,
// ninguém a regrava, e é justamente aí que ela tem de acusar.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const DIA = 86400;
  const VELHA = "velha", INTEIRA = "inteira";
  const corpo = document.body.dataset;
  const agora = Date.now() / 1000;
  const principal = document.getElementById("empresas");
  const empresas = [...principal.children];
  const numeros = new Intl.NumberFormat("pt-BR");

  const criar = (nome, atributos, texto) => {
    const no = document.createElementNS(SVG, nome);
    for (const [chave, valor] of Object.entries(atributos)) no.setAttribute(chave, valor);
    if (texto !== undefined) no.textContent = texto;
    return no;
  };
  const tamanho = (n) => {
    const e = n < 1024 ? 0 : Math.min(Math.floor(Math.log2(n) / 10), 3);
    return e ? `${(n / 1024 ** e).toFixed(1).replace(".", ",")} ${"KMG"[e - 1]}B` : `${n} B`;
  };
  const idade = (segundos) => {
    const minutos = Math.max(0, Math.floor(segundos / 60));
    if (minutos < 1) return "agora mesmo";
    if (minutos < 60) return `há ${minutos} min`;
    if (minutos < 48 * 60) return `há ${Math.floor(minutos / 60)} h`;
    return `há ${numeros.format(Math.floor(minutos / 1440))} dias`;
  };
  const simples = (texto) => texto.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  // -- o estado de cada empresa, agora ------------------------------------------------------
  const problemas = (e) => e.dataset.problemas.split(" ").filter(Boolean);
  const envelhecer = (e) => {
    const inteiro = Number(e.dataset.inteiro);
    if (!inteiro) return;
    e.querySelector(".idade").textContent = idade(agora - inteiro);
    if (agora - inteiro <= Number(corpo.idadeMaxima) || problemas(e).includes(VELHA)) return;
    const selos = e.querySelector(".selos");
    selos.querySelector(".inteira")?.remove();
    const selo = document.createElement("span");
    selo.className = `selo ${VELHA}`;
    selo.textContent = VELHA;
    selos.append(selo);
    e.dataset.problemas = [...problemas(e), VELHA].join(" ");
    e.querySelector(`.passos [data-problema="${VELHA}"]`).hidden = false;
  };
  const contar = () => {
    for (const botao of document.querySelectorAll(".conta[data-estado]")) {
      const estado = botao.dataset.estado;
      if (!estado) continue;
      const quantas = empresas.filter((e) => tem(e, estado)).length;
      botao.querySelector("b").textContent = numeros.format(quantas);
      botao.lastChild.textContent = ` ${quantas === 1 ? botao.dataset.uma : botao.dataset.varias}`;
      botao.hidden = quantas === 0 && estado !== INTEIRA;
    }
  };
  const tem = (e, estado) =>
    estado === INTEIRA ? !problemas(e).length : problemas(e).includes(estado);
  const acusarParada = () => {
    const passou = agora - Number(corpo.gerado);
    document.getElementById("idade-da-pagina").textContent = `, ${idade(passou)}`;
    if (passou <= Number(corpo.idadeMaxima)) return;
    const aviso = document.getElementById("parada");
    aviso.textContent = `Nenhuma execução terminou desde então (${idade(passou)}). O backup deixou de rodar?`;
    aviso.hidden = false;
  };

  // -- o calendário -------------------------------------------------------------------------
  const LADO = 7, PASSO = 9;
  const diaDe = (texto) => Date.parse(`${texto}T00:00:00Z`) / 1000 / DIA;
  const d = new Date();
  const aqui = Date.UTC(d.getFullYear(), d.getMonth(), d.getDate()) / 1000 / DIA;
  // Onde a página foi gerada já pode ser amanhã: o calendário nunca acaba antes do último dia dela.
  const hoje = Math.max(aqui, diaDe(corpo.hoje));
  const desde = hoje - diaDe(corpo.hoje);
  // Os dias que passaram desde que a página foi gerada não têm backup: é o que se sabe.
  const letras = (e) => (e.dataset.dias + ".".repeat(Math.min(desde, 60))).slice(-60);
  const ESTADOS = { c: "c", C: "c", i: "i", I: "i", ".": "f", R: "f", _: "a" };
  const PALAVRAS = { c: "backup inteiro", i: "backup não inteiro", f: "sem backup", a: "antes do primeiro backup" };
  const desenharDias = (e) => {
    const dias = letras(e);
    const caminhos = { a: "", f: "", i: "", c: "", r: "" };
    [...dias].forEach((letra, n) => {
      const x = n * PASSO;
      caminhos[ESTADOS[letra]] += `M${x} 0h${LADO}v16h-${LADO}z`;
      if (/[A-Z]/.test(letra)) caminhos.r += `M${x} 18h${LADO}v4h-${LADO}z`;
    });
    const total = (letra) => [...dias].filter((l) => ESTADOS[l] === letra).length;
    const svg = criar("svg", {
      viewBox: `0 0 ${60 * PASSO - 2} 22`, class: "calendario", role: "img",
      "aria-label": `Últimos 60 dias: ${total("c")} com backup inteiro, ${total("i")} com backup não inteiro, ${total("f")} sem backup`,
    });
    svg.append(criar("title", {}));
    for (const [classe, traco] of Object.entries(caminhos))
      if (traco) svg.append(criar("path", { class: classe, d: traco }));
    e.querySelector(".dias").append(svg);
  };
  principal.addEventListener("pointermove", (evento) => {
    const svg = evento.target.closest?.(".calendario");
    if (!svg) return;
    const quadro = svg.getBoundingClientRect();
    const n = Math.min(59, Math.max(0, Math.floor(((evento.clientX - quadro.left) / quadro.width) * 60)));
    const letra = letras(svg.closest(".empresa"))[n];
    const dia = new Date((hoje - 59 + n) * DIA * 1000).toLocaleDateString("pt-BR", { timeZone: "UTC" });
    const restauro = /[A-Z]/.test(letra) ? ", com restauração" : "";
    svg.querySelector("title").textContent = `${dia}: ${PALAVRAS[ESTADOS[letra]]}${restauro}`;
  });

  // -- os gráficos --------------------------------------------------------------------------
  const serie = (e) =>
    e.dataset.serie.split(" ").filter(Boolean).map((p) => p.split(":").map(Number));
  const tracar = (pontos, qual, largura, altura) => {
    const valores = pontos.map((p) => p[qual]);
    const fim = pontos.at(-1)[0] || 1;
    const maximo = Math.max(...valores, 1);
    // Do zero ao maior: uma queda à metade tem de parecer uma queda à metade.
    const em = pontos.map((p) => [
      pontos.length > 1 ? 2 + (p[0] / fim) * (largura - 4) : largura - 2,
      altura - 2 - (p[qual] / maximo) * (altura - 4),
    ].map((n) => n.toFixed(1)));
    const linha = em.map((p) => p.join(" ")).join("L");
    const svg = criar("svg", { viewBox: `0 0 ${largura} ${altura}`, preserveAspectRatio: "none" });
    const base = altura - 2;
    svg.append(criar("path", { class: "area", d: `M${em[0][0]} ${base}L${linha}L${em.at(-1)[0]} ${base}z` }));
    svg.append(criar("path", { class: "traco", d: `M${em.length > 1 ? linha : `2 ${em[0][1]}L${linha}`}` }));
    return svg;
  };
  const grafico = (titulo, pontos, qual, palavras) => {
    const valores = pontos.map((p) => p[qual]);
    const ultimo = palavras(valores.at(-1)), maior = palavras(Math.max(...valores));
    const figura = document.createElement("figure");
    const legenda = document.createElement("figcaption");
    legenda.textContent = `${titulo}: ${ultimo} (maior: ${maior}; ${pontos.length} ${pontos.length === 1 ? "backup" : "backups"})`;
    const svg = tracar(pontos, qual, 320, 72);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", legenda.textContent);
    figura.append(svg, legenda);
    return figura;
  };
  const desenharLinha = (e) => {
    const pontos = serie(e);
    if (!pontos.length) return;
    const svg = tracar(pontos, 1, 100, 24);
    svg.setAttribute("aria-hidden", "true");
    e.querySelector(".linha").append(svg);
  };
  const abrir = (e) => {
    const lugar = e.querySelector(".graficos");
    const pontos = serie(e);
    if (pontos.length && !lugar.children.length)
      lugar.append(
        grafico("Registros", pontos, 1, (n) => numeros.format(n)),
        grafico("Tamanho", pontos, 2, tamanho),
      );
    const lista = e.querySelector(".de-fora:empty");
    if (lista) lista.append(document.getElementById(`lista-${lista.dataset.lista}`).content.cloneNode(true));
  };
  principal.addEventListener("toggle", (evento) => evento.target.open && abrir(evento.target), true);

  // -- busca, filtro e ordem ----------------------------------------------------------------
  const busca = document.getElementById("busca");
  const ordem = document.getElementById("ordem");
  let estado = "";
  const textos = new Map();
  const filtrar = () => {
    const pedido = simples(busca.value.trim());
    let visiveis = 0;
    for (const e of empresas) {
      e.hidden = !((!estado || tem(e, estado)) && textos.get(e).includes(pedido));
      visiveis += !e.hidden;
    }
    document.getElementById("nenhuma").hidden = visiveis > 0;
  };
  const GRAVIDADE = ["sumida", "por_concluir", "incompleta", "encolhida", VELHA, "quebrada", "mudada", "sem_copia"];
  const gravidade = (e) => {
    const posicoes = problemas(e).map((p) => GRAVIDADE.indexOf(p));
    return posicoes.length ? Math.min(...posicoes) : GRAVIDADE.length;
  };
  const valor = (nome) => (e) => Number(e.dataset[nome]);
  const ORDENS = {
    nome: () => 0,
    problema: gravidade,
    antigo: valor("inteiro"),
    ensaio: valor("ensaio"),
    registros: (e) => -e.dataset.registros,
    bytes: (e) => -e.dataset.bytes,
  };
  const ordenar = () => {
    const chave = ORDENS[ordem.value];
    const numero = valor("n");
    principal.append(...[...empresas].sort((a, b) => chave(a) - chave(b) || numero(a) - numero(b)));
  };
  const escolher = (botao) => {
    estado = botao.dataset.estado === estado ? "" : botao.dataset.estado;
    for (const b of document.querySelectorAll(".conta"))
      b.setAttribute("aria-pressed", String(b.dataset.estado === estado));
    filtrar();
  };

  for (const e of empresas) {
    envelhecer(e);
    desenharLinha(e);
    desenharDias(e);
    textos.set(e, simples(["nome", "corpo code", "corpo a"].map((s) => e.querySelector(`.${s}`).textContent).join(" ")));
    if (e.open) abrir(e);
  }
  contar();
  acusarParada();
  ordenar();
  busca.addEventListener("input", filtrar);
  ordem.addEventListener("change", ordenar);
  for (const botao of document.querySelectorAll(".conta")) botao.addEventListener("click", () => escolher(botao));
})();
