import { getCurrency } from "@web/core/currency";
import { localization } from "@web/core/l10n/localization";

const SCALES = [
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "k"],
];

/**
 * Write an amount shortly: $1.5k, $2.3M, $1.1B; as it is up to a thousand.
 * What rounds to the next scale is written in it: 999,960 is 1M, not 1000k.
 */
export function formatCompactAmount(amount, currencyId) {
    const size = Math.abs(amount);
    const currency = getCurrency(currencyId) || { symbol: "", position: "after" };
    let number = size.toFixed(2);
    for (const [scale, letter] of SCALES) {
        if (size > scale || (letter !== "k" && size >= scale * 0.99995)) {
            number = (size / scale).toFixed(1).replace(/\.0$/, "") + letter;
            break;
        }
    }
    number = number.replace(".", localization.decimalPoint);
    const parts = [currency.symbol, number];
    if (currency.position !== "before") {
        parts.reverse();
    }
    return (amount < 0 ? "-" : "") + parts.join("\u00A0");
}
