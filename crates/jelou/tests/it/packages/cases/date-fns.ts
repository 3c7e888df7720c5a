// packages: date-fns@4.4.0
// kind: Dates
// shows: a sum, a difference and a language
// input: {"fecha":"2026-01-31T12:00:00Z"}
// answer: {"texto":"sábado 28 de febrero de 2026","days":28}
import { addMonths, differenceInDays, format } from "date-fns";
import { es } from "date-fns/locale";
import { define, z } from "@jelou/functions";

export default define({
  description: "A date by date-fns",
  input: z.object({ fecha: z.string() }),
  handler: ({ fecha }) => {
    const later = addMonths(new Date(fecha), 1);
    const text = format(later, "EEEE d 'de' MMMM 'de' yyyy", { locale: es });
    return { texto: text, days: differenceInDays(later, new Date(fecha)) };
  },
});
