use ticketscope_demo::*;
use ticketscope_model::*;
fn main() {
    let t = std::time::Instant::now();
    let d = HelpDesk::new(7, 50_000, Timestamp(1_788_220_800_000));
    let s = d.setup();
    eprintln!("setup {} in {:?}", s.len(), t.elapsed());
    let t = std::time::Instant::now();
    let mut parts = 0;
    let mut bytes = 0;
    let mut n = 0;
    let mut langs = std::collections::BTreeMap::new();
    let mut noted = 0;
    let mut words = std::collections::HashSet::new();
    let bs: Vec<_> = d.batches(5000).collect();
    eprintln!("tickets in {:?}", t.elapsed());
    for b in &bs {
        for c in b {
            n += 1;
            if let Fact::Ticket(p) = &c.fact {
                parts += p.text.len();
                if p.text.iter().any(|x| x.class == TextClass::Private) {
                    noted += 1
                }
                for x in &p.text {
                    bytes += x.body.len();
                    if n <= 5000 {
                        for w in x.body.split(|c: char| !c.is_alphanumeric()) {
                            words.insert(w.to_lowercase());
                        }
                    }
                }
                for (k, v) in &p.fields {
                    if &**k == "language" || &**k == "status" || &**k == "group" || &**k == "life" {
                        *langs.entry(format!("{k} {v:?}")).or_insert(0) += 1;
                    }
                }
            }
        }
    }
    eprintln!("{n} tickets {parts} parts {bytes} bytes {noted} noted, {} words in 5000", words.len());
    eprintln!("{langs:#?}");
    for c in d.tickets(0..60) {
        if let Fact::Ticket(p) = c.fact {
            println!(
                "=== {} {:?}",
                p.key,
                p.fields
                    .iter()
                    .map(|(k, v)| match v {
                        FieldPatch::Set(RawValue::Text(t)) => format!("{k}={t}"),
                        FieldPatch::Set(o) => format!("{k}={o:?}"),
                        _ => String::new(),
                    })
                    .collect::<Vec<_>>()
                    .join(" ")
            );
            for x in p.text {
                println!("[{} {} {:?} {:?}] {}", x.part, x.class, x.lang, x.author, x.body);
            }
        }
    }
}
