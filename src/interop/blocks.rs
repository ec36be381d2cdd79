//! The pieces of a message's content. Programs share their vocabulary, which is that of the models' interfaces.

use super::Report;
use super::value::{Object, Value};
use crate::domain::parts::Part;
use crate::error::Result;

/// Parts, and what is left of the pieces they were made of.
#[derive(Default)]
pub(super) struct Body {
    pub parts: Vec<Part>,
    /// The fields that a part has no place for, under the piece's place in its list.
    left: Object,
}

impl Body {
    /// Whether any part is text.
    pub fn has_text(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part, Part::Text { .. }))
    }

    pub fn text(&mut self, text: String) {
        self.parts.push(Part::Text { text });
    }

    pub fn reasoning(&mut self, text: String) {
        self.parts.push(Part::Reasoning { text });
    }

    /// An object for which there is no other part.
    pub fn data(&mut self, object: &Object) -> Result<()> {
        let data = object.to_metadata()?;
        self.parts.push(Part::Data { data });
        Ok(())
    }

    pub fn keep(&mut self, place: &str, left: Object) {
        self.left.put_left(place, left);
    }

    /// The parts. What is left of the list goes to the message's raw fields, under the list's name.
    pub fn finish(self, key: &str, raw: &mut Object) -> Vec<Part> {
        raw.put_left(key, self.left);
        self.parts
    }

    /// Reads a list of pieces.
    pub fn list(&mut self, list: Vec<Value>, place: &str, report: &mut Report) -> Result<()> {
        for (index, piece) in list.into_iter().enumerate() {
            self.piece(&index.to_string(), piece, place, report)?;
        }
        Ok(())
    }

    fn piece(&mut self, index: &str, piece: Value, place: &str, report: &mut Report) -> Result<()> {
        match piece {
            Value::Text(text) => self.text(text),
            Value::Object(object) => self.object(index, object, place, report)?,
            other => {
                report.note(
                    place,
                    "a piece of its content is no object, and is kept raw",
                );
                self.left.put(index, other);
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        index: &str,
        mut object: Object,
        place: &str,
        report: &mut Report,
    ) -> Result<()> {
        let kind = object.text("type").unwrap_or_default().to_owned();
        let known = match kind.as_str() {
            "text" | "output_text" | "input_text" => self.worded(&mut object, "text", false),
            "thinking" => self.worded(&mut object, "thinking", true),
            "think" => self.worded(&mut object, "think", true),
            "reasoning" if object.has("text") => self.worded(&mut object, "text", true),
            "reasoning" => self.inner(&mut object, true),
            "message" => self.inner(&mut object, false),
            "tool_use" => self.call(&mut object, "id", "input")?,
            "function_call" => self.call(&mut object, "call_id", "arguments")?,
            "tool_result" => self.result(&mut object, "tool_use_id", "content")?,
            "function_call_output" => self.result(&mut object, "call_id", "output")?,
            "tool_call" => self.called(&mut object)?,
            "image_url" => self.image(&mut object, &["url"]),
            "image_file" => self.image(&mut object, &["filepath", "file_id"]),
            _ => false,
        };
        if known {
            object.take_word("type", &kind);
            self.keep(index, object);
            return Ok(());
        }
        report.note(place, format!("a piece of type `{kind}` is kept as data"));
        self.data(&object)
    }

    /// A piece whose text lies in one field, or in that field's `value`.
    fn worded(&mut self, object: &mut Object, key: &str, is_reasoning: bool) -> bool {
        let text = match object.take_object(key) {
            None => object.take_text(key),
            Some(mut inner) => {
                let text = inner.take_text("value");
                object.put_left(key, inner);
                text
            }
        };
        match text {
            Some(text) if is_reasoning => self.reasoning(text),
            Some(text) => self.text(text),
            None => return false,
        }
        true
    }

    /// A piece that holds a list of texts.
    fn inner(&mut self, object: &mut Object, is_reasoning: bool) -> bool {
        let is_plain = |value: &Value| value.as_object().is_some_and(|o| o.text("text").is_some());
        let pieces = match object.get("content") {
            Some(Value::List(list)) if list.iter().all(is_plain) => object.take_list("content"),
            _ => None,
        };
        let Some(pieces) = pieces else {
            return false;
        };
        let mut text = String::new();
        let mut left = Object::default();
        for (index, piece) in pieces.into_iter().enumerate() {
            let Value::Object(mut piece) = piece else {
                continue;
            };
            text.push_str(&piece.take_text("text").unwrap_or_default());
            for kind in ["output_text", "summary_text", "reasoning_text", "text"] {
                piece.take_word("type", kind);
            }
            left.put_left(&index.to_string(), piece);
        }
        object.put_left("content", left);
        if is_reasoning {
            self.reasoning(text);
        } else {
            self.text(text);
        }
        true
    }

    fn call(&mut self, object: &mut Object, id: &str, input: &str) -> Result<bool> {
        let Some(name) = object.take_text("name") else {
            return Ok(false);
        };
        let call_id = object.take_text(id).unwrap_or_default();
        if object.text("id") == Some(&call_id) {
            object.take("id");
        }
        self.parts.push(Part::ToolCall {
            call_id,
            name,
            input: object.take(input).unwrap_or(Value::Null).to_json()?,
        });
        Ok(true)
    }

    fn result(&mut self, object: &mut Object, id: &str, output: &str) -> Result<bool> {
        let is_error = match object.get("is_error") {
            Some(Value::Bool(is_error)) => Some(*is_error),
            _ => None,
        };
        if is_error.is_some() {
            object.take("is_error");
        }
        self.parts.push(Part::ToolResult {
            call_id: object.take_text(id).unwrap_or_default(),
            output: object.take(output).unwrap_or(Value::Null).to_json()?,
            is_error,
        });
        Ok(true)
    }

    /// A call together with what came of it.
    fn called(&mut self, object: &mut Object) -> Result<bool> {
        let Some(mut call) = object.take_object("tool_call") else {
            return Ok(false);
        };
        if let Some(mut function) = call.take_object("function") {
            for (key, name) in [
                ("name", "name"),
                ("arguments", "args"),
                ("output", "output"),
            ] {
                if let Some(value) = function.take(key) {
                    call.put(name, value);
                }
            }
            call.put_left("function", function);
        }
        let call_id = call.take_text("id").unwrap_or_default();
        self.parts.push(Part::ToolCall {
            call_id: call_id.clone(),
            name: call.take_text("name").unwrap_or_default(),
            input: call.take("args").unwrap_or(Value::Null).to_json()?,
        });
        if let Some(output) = call.take("output") {
            self.parts.push(Part::ToolResult {
                call_id,
                output: output.to_json()?,
                is_error: None,
            });
        }
        object.put_left("tool_call", call);
        Ok(true)
    }

    fn image(&mut self, object: &mut Object, keys: &[&str]) -> bool {
        let kind = object.text("type").unwrap_or_default().to_owned();
        if let Some(url) = object.take_text(&kind) {
            self.file(url, None, None);
            return true;
        }
        let Some(mut image) = object.take_object(&kind) else {
            return false;
        };
        let is_file = self.file_of(&mut image, keys);
        object.put_left(&kind, image);
        is_file
    }

    fn file(&mut self, reference: String, name: Option<String>, media_type: Option<String>) {
        self.parts.push(Part::File {
            reference,
            name,
            media_type,
        });
    }

    /// A file that an object describes: the first of the keys that is there says where it is.
    fn file_of(&mut self, object: &mut Object, keys: &[&str]) -> bool {
        let Some(reference) = keys.iter().find_map(|key| object.take_text(key)) else {
            return false;
        };
        let names = ["name", "filename", "file_name"];
        let name = names.iter().find_map(|key| object.take_text(key));
        let types = [
            "mediaType",
            "content_type",
            "file_type",
            "mime_type",
            "type",
        ];
        let media_type = types.iter().find_map(|key| object.take_text(key));
        self.file(reference, name, media_type);
        true
    }

    /// Takes a list of files off a message. What is left of them stays under the list's name.
    pub fn files(
        &mut self,
        message: &mut Object,
        list: &str,
        keys: &[&str],
        place: &str,
        report: &mut Report,
    ) -> Result<()> {
        let mut left = Object::default();
        let files = message.take_list(list).unwrap_or_default();
        for (index, file) in files.into_iter().enumerate() {
            let index = index.to_string();
            match file {
                Value::Object(mut file) => {
                    if self.file_of(&mut file, keys) {
                        left.put_left(&index, file);
                    } else {
                        report.note(place, "a file without a name is kept as data");
                        self.data(&file)?;
                    }
                }
                other => left.put(&index, other),
            }
        }
        message.put_left(list, left);
        Ok(())
    }
}
