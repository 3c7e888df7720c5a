// packages: @supabase/supabase-js@2.109.0
// kind: Databases
// shows: a query over HTTP
// input: {}
// answer: {"error":null,"method":"GET","path":"/rest/v1/pedidos?select=id%2Ctotal&total=gt.10&order=id.desc","key":"anon"}
import { createClient } from "@supabase/supabase-js";
import { define } from "@jelou/functions";

const supabase = createClient("https://peer.fn.localhost", "anon", { auth: { persistSession: false } });

export default define({
  description: "A query of Supabase",
  handler: async () => {
    const { data, error } = await supabase.from("pedidos").select("id,total").gt("total", 10)
      .order("id", { ascending: false });
    // deno-lint-ignore no-explicit-any
    const seen = data as any;
    return { error, method: seen.method, path: seen.path, key: seen.headers.apikey };
  },
});
