import { createMockContext, createMockRequest } from "@jelou/functions/testing";
import saludo from "./index.ts";

Deno.test("saluda al teléfono", async () => {
  const resultado = await saludo.handler(
    { telefono: "593987654321" },
    createMockContext(),
    createMockRequest(),
  );
  if (resultado.mensaje !== "Hola, 593987654321") {
    throw new Error(resultado.mensaje);
  }
});
