//! Field to value to tickets: bitmaps, columns, dictionaries and orders; never sees an agent.
