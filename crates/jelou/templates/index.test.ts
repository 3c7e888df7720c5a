import { createMockContext, createMockRequest } from "@jelou/functions/testing";
import saludo from "./index.ts";

Deno.test("saluda al teléfono", async () => {
  const resultado = await saludo.handler(
    { telefono: "593987654321" },
    createMockContext(),
    createMockRequest(),
  );
  const esperado = "Hola, 593987654321";
  if (resultado.mensaje !== esperado) {
    throw new Error(
      `Se esperaba "${esperado}", y el mensaje es "${resultado.mensaje}"`,
    );
  }
});
