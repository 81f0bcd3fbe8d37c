//! Server reflection: tools such as grpcurl ask which services and formats there are. (`tonic-reflection`
//! answers from detached tasks, which would outlive the member.)

use std::pin::Pin;
use std::sync::Arc;

use anatomy_proto::reflection::server_reflection_request::MessageRequest;
use anatomy_proto::reflection::server_reflection_response::MessageResponse;
use anatomy_proto::reflection::server_reflection_server::ServerReflection;
use anatomy_proto::reflection::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
};
use futures_util::stream::{Stream, unfold};
use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use tonic::{Code, Request, Response, Status, Streaming};

/// The services that a member serves, and the formats of all that their files name.
#[derive(Clone)]
pub(super) struct Reflection {
    files: Arc<Vec<FileDescriptorProto>>,
    services: &'static [&'static str],
}

impl Reflection {
    pub fn new(services: &'static [&'static str]) -> Self {
        let set = FileDescriptorSet::decode(anatomy_proto::DESCRIPTORS);
        let files = Arc::new(set.expect("the build wrote it").file);
        Reflection { files, services }
    }

    fn answer(&self, asked: &MessageRequest) -> MessageResponse {
        let file = match asked {
            MessageRequest::ListServices(_) => {
                let service =
                    self.services.iter().map(|name| ServiceResponse { name: (*name).into() });
                let list = ListServiceResponse { service: service.collect() };
                return MessageResponse::ListServicesResponse(list);
            }
            // proto3 has no extensions, and grpcurl asks about them all the same.
            MessageRequest::AllExtensionNumbersOfType(of) => {
                let none =
                    ExtensionNumberResponse { base_type_name: of.clone(), ..Default::default() };
                return MessageResponse::AllExtensionNumbersResponse(none);
            }
            MessageRequest::FileContainingExtension(_) => None,
            MessageRequest::FileByFilename(name) => self.files.iter().find(|f| f.name() == name),
            MessageRequest::FileContainingSymbol(symbol) => {
                self.files.iter().find(|file| defines(file, symbol))
            }
        };
        match file {
            Some(file) => MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
                file_descriptor_proto: vec![file.encode_to_vec().into()],
            }),
            None => MessageResponse::ErrorResponse(ErrorResponse {
                error_code: Code::NotFound as i32,
                error_message: "not found".into(),
            }),
        }
    }
}

/// Whether a file has a message, an enum, a service or a method of this full name.
fn defines(file: &FileDescriptorProto, symbol: &str) -> bool {
    let Some(rest) = symbol.strip_prefix(file.package()).and_then(|rest| rest.strip_prefix('.'))
    else {
        return false;
    };
    let service = |s: &prost_types::ServiceDescriptorProto| match rest.split_once('.') {
        None => s.name() == rest,
        Some((name, method)) => s.name() == name && s.method.iter().any(|m| m.name() == method),
    };
    file.service.iter().any(service)
        || file.enum_type.iter().any(|e| e.name() == rest)
        || has_type(&file.message_type, rest)
}

fn has_type(messages: &[DescriptorProto], path: &str) -> bool {
    let (name, inner) =
        path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    messages.iter().filter(|m| m.name() == name).any(|message| match inner {
        None => true,
        Some(rest) => {
            message.enum_type.iter().any(|e| e.name() == rest)
                || has_type(&message.nested_type, rest)
        }
    })
}

#[tonic::async_trait]
impl ServerReflection for Reflection {
    type ServerReflectionInfoStream =
        Pin<Box<dyn Stream<Item = Result<ServerReflectionResponse, Status>> + Send>>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let questions = (self.clone(), request.into_inner());
        let answers = unfold(questions, |(reflection, mut questions)| async move {
            let answer = match questions.message().await {
                Ok(None) => return None,
                Ok(Some(question)) => {
                    let answered = question.message_request.as_ref().map(|q| reflection.answer(q));
                    Ok(ServerReflectionResponse {
                        valid_host: question.host.clone(),
                        original_request: Some(question),
                        message_response: answered,
                    })
                }
                Err(status) => Err(status),
            };
            Some((answer, (reflection, questions)))
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(symbol: &str) -> Option<String> {
        let asked = MessageRequest::FileContainingSymbol(symbol.into());
        match Reflection::new(&[]).answer(&asked) {
            MessageResponse::FileDescriptorResponse(found) => {
                let file =
                    FileDescriptorProto::decode(&found.file_descriptor_proto[0][..]).unwrap();
                Some(file.name().to_owned())
            }
            _ => None,
        }
    }

    #[test]
    fn a_symbol_is_found_in_its_file_however_deep_it_is() {
        for symbol in ["KV", "KV.Range", "RangeRequest", "RangeRequest.SortOrder", "AlarmType"] {
            let full = format!("etcdserverpb.{symbol}");
            assert_eq!(file_of(&full).as_deref(), Some("rpc.proto"), "{full}");
        }
        assert_eq!(file_of("mvccpb.KeyValue").as_deref(), Some("kv.proto"));
        for missing in ["etcdserverpb.KV.Nothing", "etcdserverpb", "nothing.KV", ""] {
            assert_eq!(file_of(missing), None, "{missing}");
        }
    }

    #[test]
    fn a_file_is_found_by_its_name_and_an_unknown_one_is_an_error() {
        let reflection = Reflection::new(&["a.B"]);
        let by_name = |name: &str| reflection.answer(&MessageRequest::FileByFilename(name.into()));
        assert!(matches!(by_name("kv.proto"), MessageResponse::FileDescriptorResponse(_)));
        assert!(
            matches!(by_name("none.proto"), MessageResponse::ErrorResponse(e) if e.error_code == 5)
        );
        let listed = reflection.answer(&MessageRequest::ListServices(String::new()));
        assert!(
            matches!(listed, MessageResponse::ListServicesResponse(l) if l.service[0].name == "a.B")
        );
    }
}
