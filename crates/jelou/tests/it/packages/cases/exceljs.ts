// packages: exceljs@4.4.0
// kind: Documents
// shows: a workbook that is written and read again
// input: {}
// answer: {"starts":"PK","names":["Ventas"],"cell":10.5,"formula":"SUM(B1:B2)","date":"2026-04-07"}
// short: true
import Excel from "exceljs";
import { define } from "@jelou/functions";

export default define({
  description: "A workbook by ExcelJS",
  handler: async () => {
    const book = new Excel.Workbook();
    const sheet = book.addWorksheet("Ventas");
    sheet.addRow(["Ana", 10.5, new Date("2026-04-07T00:00:00Z")]);
    sheet.getCell("B3").value = { formula: "SUM(B1:B2)", result: 10.5 } as Excel.CellFormulaValue;
    const bytes = await book.xlsx.writeBuffer();
    const read = new Excel.Workbook();
    await read.xlsx.load(bytes);
    const back = read.getWorksheet("Ventas")!;
    return {
      starts: String.fromCharCode(...new Uint8Array(bytes as ArrayBuffer).slice(0, 2)),
      names: read.worksheets.map(({ name }) => name),
      cell: back.getCell("B1").value,
      formula: back.getCell("B3").formula,
      date: (back.getCell("C1").value as Date).toISOString().slice(0, 10),
    };
  },
});
