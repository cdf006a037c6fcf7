import qrcode from "qrcode-generator";
import { utf8 } from "#src/base/bytes.ts";

/** Light modules around the code, as ISO/IEC 18004 wants them. */
const QUIET = 4;

/**
 * A QR code of a text as lines of half blocks, two rows of modules a line: dark modules are the terminal's background where
 * `isInverted`, else its foreground. Scanners read either, most of them the first on a dark terminal.
 */
export function drawQrCode(text: string, isInverted = true): readonly string[] {
  const code = qrcode(0, "L");
  code.addData(String.fromCharCode(...utf8(text)), "Byte");
  code.make();
  const count = code.getModuleCount();
  const isDark = (row: number, column: number): boolean =>
    row >= 0 && row < count && column >= 0 && column < count && code.isDark(row, column);
  const isInk = (row: number, column: number): boolean => isDark(row, column) !== isInverted;
  const lines: string[] = [];
  for (let row = -QUIET; row < count + QUIET; row += 2) {
    let line = "";
    for (let column = -QUIET; column < count + QUIET; column += 1) {
      const upper = isInk(row, column);
      // The last line may have one row of modules alone: below it nothing is drawn.
      const lower = row + 1 < count + QUIET && isInk(row + 1, column);
      line += upper ? (lower ? "█" : "▀") : lower ? "▄" : " ";
    }
    lines.push(line);
  }
  return lines;
}
