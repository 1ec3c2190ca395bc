//! The tools of a paper search for language models, over the Model Context Protocol.
//!
//! One [`Tools`] answers over standard input and output ([`serve_stdio`]) and over HTTP, where the server mounts it. Every
//! tool only reads. An answer stays within a budget of tokens: abstracts are shortened first, then other fields
//! go, and no id is ever left out (`docs/mcp.md`).

mod budget;
mod error;
mod schema;
mod tools;

use std::sync::Arc;

use cognate_engine::{Cancel, Engine};
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, RoleServer, ServiceExt};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::sync::Semaphore;

pub use error::McpError;

/// Largest request over HTTP.
const MAX_BODY_BYTES: usize = 1 << 20;
/// Calls that are worked on at one time; more wait.
const MAX_CALLS: usize = 4;

/// What a model is told when it meets the server.
const INSTRUCTIONS: &str = "\
Search over the abstracts of scientific papers that the user has collected. Ask search_papers in plain language; it ranks \
by meaning and by words. Every answer has the papers' ids; get_paper gives a whole record. An answer is cut to \
max_tokens by shortening abstracts, and says so. `total` counts all that match: use offset to see more.";

/// The tools over one data folder.
#[derive(Clone)]
pub struct Tools {
    engine: Arc<Engine>,
    calls: Arc<Semaphore>,
}

impl Tools {
    /// The tools over `engine`.
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, calls: Arc::new(Semaphore::new(MAX_CALLS)) }
    }

    async fn answer(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let Some(tool) = tools::find(&request.name) else {
            let names: Vec<&str> = tools::ALL.iter().map(|tool| tool.name).collect();
            let message = format!("expected one of {}, found {:?}", names.join(", "), request.name);
            return Err(ErrorData::invalid_params(message, None));
        };
        let gone = |_| ErrorData::internal_error("the server is stopping", None);
        let place = Arc::clone(&self.calls).acquire_owned().await.map_err(gone)?;
        let engine = Arc::clone(&self.engine);
        let cancel = Cancel::default();
        let wanted = cancel.clone();
        let arguments = request.arguments.unwrap_or_default();
        let work = tokio::task::spawn_blocking(move || {
            // The place is the work's, not the client's.
            let _place = place;
            tool.call(&engine, &wanted, arguments)
        });
        let answered = tokio::select! {
            answered = work => answered,
            () = context.ct.cancelled() => {
                cancel.cancel();
                return Err(ErrorData::internal_error("the call was cancelled", None));
            }
        };
        Ok(match answered {
            Ok(Ok(text)) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Ok(Err(error)) => CallToolResult::error(vec![ContentBlock::text(error.to_string())]),
            Err(failure) => {
                tracing::error!("a call failed: {failure}");
                CallToolResult::error(vec![ContentBlock::text("the server failed; its log says why")])
            }
        })
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("cognate", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::ALL.iter().map(tools::Tool::described).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.answer(request, context).await.map(CallToolResponse::from)
    }
}

/// The tools over HTTP (the protocol's "streamable HTTP"). Every request is answered by itself, in JSON: there are no
/// sessions, and no stream outlives its request.
pub type HttpService = StreamableHttpService<Tools, NeverSessionManager>;

/// The tools as a service for one path. Hosts and origins are for the server to check.
#[must_use]
pub fn http_service(tools: Tools) -> HttpService {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .with_max_request_body_bytes(MAX_BODY_BYTES);
    StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config)
}

/// Answers on standard input and output until the other side closes them.
///
/// # Errors
/// [`McpError`] if the client does not speak the protocol.
pub async fn serve_stdio(tools: Tools) -> Result<(), McpError> {
    let running = tools.serve(rmcp::transport::io::stdio()).await.map_err(McpError::start)?;
    running.waiting().await.map_err(McpError::end)?;
    Ok(())
}
