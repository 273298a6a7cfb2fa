// Reads an amount as people write it, by the rules for a spreadsheet's: "12,50 €", "1.099,00", "₹1,299".

const CURRENCY = /^(?:\p{Sc}|\p{L}+\.?)+\s*|\s*(?:\p{Sc}|\p{L}+\.?)+$/gu;
const PLAIN = /^\d+(?:[.,' ]\d+)*$/;
const GROUPED = /^(?:\d{1,3}(?:G\d{3})+|\d{1,2}(?:G\d{2})*G\d{3}|\d+)$/.source;

/**
 * The amount as the API takes it, such as "1099.00". A text that is none, or that can be read in two ways ("1.299"),
 * stays as it is: the server says what is wrong with it.
 */
export function readAmount(text, isPercentage = false) {
  const given = text.trim();
  const digits = withoutCurrency(isPercentage ? given.replace(/%$/, "") : given);
  if (!PLAIN.test(digits)) return given;
  const sign = decimalSign(digits);
  if (sign === null) return given;
  const [whole, decimals] = sign ? halves(digits, sign) : [digits, ""];
  const plain = withoutGroups(whole);
  if (plain === null || /\D/.test(decimals)) return given;
  return decimals ? `${plain}.${decimals}` : plain;
}

function withoutCurrency(text) {
  const one = text.normalize("NFKC").replace(/[’‘´`]/g, "'");
  return one.replace(CURRENCY, "").trim();
}

/** "" where all signs group digits, null where nobody can say. */
function decimalSign(digits) {
  const signs = digits.match(/[.,]/g) ?? [];
  const last = signs.at(-1);
  if (new Set(signs).size > 1) return last;
  if (signs.length !== 1) return "";
  const [before, after] = halves(digits, last);
  const isOpen = after.length === 3 && /^[1-9]\d{0,2}$/.test(before);
  return isOpen ? null : last;
}

function halves(digits, sign) {
  const at = digits.lastIndexOf(sign);
  return [digits.slice(0, at), digits.slice(at + 1)];
}

/** Null where the groups are none. */
function withoutGroups(whole) {
  const sign = whole.match(/\D/)?.[0];
  if (!sign) return whole;
  const grouped = new RegExp(GROUPED.replaceAll("G", sign === "." ? "\\." : sign));
  return grouped.test(whole) ? whole.replaceAll(sign, "") : null;
}
