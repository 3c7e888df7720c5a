//! `mongodb`, whose server Debian does not have: the driver loads, and the error of its refused connection is clear.

use serde_json::json;

use super::Stage;
use crate::support::eventually;

#[test]
fn mongodb_is_refused_with_the_way_to_open_it() {
    let stage = Stage::start(
        &[("mongodb", "6.12.0")],
        &[("MONGO_URL", "mongodb://127.0.0.1:27017/tienda")],
        "import { MongoClient } from \"mongodb\";\n\
         const client = new MongoClient(process.env.MONGO_URL, { serverSelectionTimeoutMS: 1500 });",
        "async () => {
            try {
                await client.connect();
                return 'connected';
            } catch (error) {
                return { name: error.name, message: error.message };
            }
        }",
    );
    let answer = stage.call(&json!({}));
    assert_eq!(answer["name"], "MongoServerSelectionError", "{answer}");
    let wanted = "jelou egress allow clientes 127.0.0.1:27017";
    assert!(
        answer["message"].as_str().unwrap().contains(wanted),
        "{answer}"
    );
    eventually("the refusal in the log", || {
        stage.server.data.log().contains(wanted).then_some(())
    });
}
