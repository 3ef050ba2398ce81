//! The services around credentials, on loopback: STS, the portal and the tokens of IAM Identity Center, and Lambda's settings of
//! functions.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What the portal takes for a session.
pub const TOKEN: &str = "session-token";

/// The accounts that keys belong to.
const ACCOUNTS: [(&str, &str); 6] = [
    ("AKIAKEYS000000000000", "222222222222"),
    ("ASIASSO0000000000000", "333333333333"),
    ("ASIAROLE000000000000", "444444444444"),
    ("ASIAPROCESS000000000", "555555555555"),
    ("ASIALOGIN00000000000", "666666666666"),
    ("AKIASANDBOX000000000", "111111111111"),
];

/// What is configured, and what was asked.
#[derive(Debug, Default)]
struct Contents {
    functions: BTreeMap<String, Value>,
    /// The codes of answers that a call gets in place of its own.
    refusals: BTreeMap<String, String>,
    calls: Vec<(String, BTreeMap<String, String>)>,
}

#[derive(Debug, Clone)]
pub struct Fake {
    url: String,
    contents: Arc<Mutex<Contents>>,
}

struct Request {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Fake {
    pub fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self {
            url,
            contents: Arc::default(),
        };
        let serving = fake.clone();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serving.serve(stream);
            }
        });
        fake
    }

    /// Has the command ask here for everything but tables and instances.
    pub fn serve_for(&self, command: &mut Command) {
        for service in ["STS", "SSO", "SSO_OIDC", "LAMBDA"] {
            command.env(format!("AWS_ENDPOINT_URL_{service}"), &self.url);
        }
    }

    /// A function with these variables.
    pub fn function(&self, name: &str, variables: &Value) {
        let mut contents = self.contents.lock().unwrap();
        contents
            .functions
            .insert(name.to_owned(), variables.clone());
    }

    /// Refuses a call from now on.
    pub fn refuse(&self, call: &str, code: &str) {
        let mut contents = self.contents.lock().unwrap();
        contents.refusals.insert(call.to_owned(), code.to_owned());
    }

    /// The parameters of each call of this name.
    pub fn calls(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        let contents = self.contents.lock().unwrap();
        let calls = contents.calls.iter().filter(|(call, _)| call == name);
        calls.map(|(_, parameters)| parameters.clone()).collect()
    }

    fn serve(&self, mut stream: TcpStream) {
        let Some(request) = Request::read(&stream) else {
            return;
        };
        let (status, kind, body) = self.answer(&request);
        let error = if body.starts_with('{') {
            serde_json::from_str::<Value>(&body).unwrap()["code"].clone()
        } else {
            Value::Null
        };
        let error = error
            .as_str()
            .map(|code| format!("x-amzn-errortype: {code}\r\n"));
        let head = format!(
            "HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\n{}content-length: {}\r\nconnection: close\r\n\r\n",
            error.unwrap_or_default(),
            body.len()
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes());
    }

    fn answer(&self, request: &Request) -> (u16, &'static str, String) {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let mut parameters = if request.body.starts_with('{') {
            serde_json::from_str::<BTreeMap<String, String>>(&request.body).unwrap()
        } else if request.method == "GET" {
            form(query)
        } else {
            form(&request.body)
        };
        let name = match (request.method.as_str(), path) {
            ("GET", "/federation/credentials") => "GetRoleCredentials".to_owned(),
            ("POST", "/token") => "CreateToken".to_owned(),
            ("GET", path) if path.ends_with("/configuration") => {
                let name = path.split('/').nth(3).unwrap();
                parameters.insert("FunctionName".to_owned(), name.to_owned());
                "GetFunctionConfiguration".to_owned()
            }
            _ => parameters["Action"].clone(),
        };
        let mut contents = self.contents.lock().unwrap();
        contents.calls.push((name.clone(), parameters.clone()));
        if let Some(code) = contents.refusals.get(&name) {
            return refusal(&name, 403, code);
        }
        match name.as_str() {
            "GetRoleCredentials" => role_credentials(request, &parameters),
            "CreateToken" if parameters["refreshToken"] == "refresh" => {
                let token = json!({"accessToken": TOKEN, "expiresIn": 3600, "refreshToken": "next", "tokenType": "Bearer"});
                (200, "application/json", token.to_string())
            }
            "CreateToken" => refusal(&name, 400, "InvalidGrantException"),
            "GetFunctionConfiguration" => match contents.functions.get(&parameters["FunctionName"])
            {
                Some(variables) => {
                    let function = json!({"FunctionName": parameters["FunctionName"], "Environment": {"Variables": variables}});
                    (200, "application/json", function.to_string())
                }
                None => refusal(&name, 404, "ResourceNotFoundException"),
            },
            "GetCallerIdentity" => caller(request),
            "AssumeRole" => assumed(&parameters),
            other => panic!("nobody knows {other}"),
        }
    }
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace().map(ToOwned::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let length = headers
            .get("content-length")
            .map_or(0, |it| it.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self {
            method,
            path,
            headers,
            body: String::from_utf8(body).unwrap(),
        })
    }
}

/// A form's parameters. No test has one with more than these signs.
fn form(text: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| {
        text.replace("%3A", ":")
            .replace("%2F", "/")
            .replace('+', " ")
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect()
}

fn role_credentials(
    request: &Request,
    parameters: &BTreeMap<String, String>,
) -> (u16, &'static str, String) {
    if request
        .headers
        .get("x-amz-sso_bearer_token")
        .map(String::as_str)
        != Some(TOKEN)
    {
        return refusal("GetRoleCredentials", 401, "UnauthorizedException");
    }
    if parameters["role_name"] != "Admin" {
        return refusal("GetRoleCredentials", 403, "ForbiddenException");
    }
    let credentials = json!({"roleCredentials": {
        "accessKeyId": "ASIASSO0000000000000", "secretAccessKey": "s", "sessionToken": "t",
        "expiration": 4_000_000_000_000_u64,
    }});
    (200, "application/json", credentials.to_string())
}

/// The account of the key that signed the call.
fn caller(request: &Request) -> (u16, &'static str, String) {
    let signed = &request.headers["authorization"];
    let (_, account) = ACCOUNTS
        .iter()
        .find(|(key, _)| signed.contains(key))
        .unwrap();
    let xml = format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{account}:user/x</Arn><UserId>X</UserId>\
         <Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    (200, "text/xml", xml)
}

/// STS wants the code of a device only where the role asks for it, as IAM's condition would have it.
fn assumed(parameters: &BTreeMap<String, String>) -> (u16, &'static str, String) {
    let is_strict = parameters["RoleArn"].ends_with("strict");
    if is_strict && parameters.get("TokenCode").map(String::as_str) != Some("123456") {
        return refusal("AssumeRole", 403, "AccessDenied");
    }
    let xml = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE000000000000</AccessKeyId>\
               <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
               <Expiration>2096-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser>\
               <AssumedRoleId>X:y</AssumedRoleId><Arn>arn:aws:sts::444444444444:assumed-role/x/y</Arn></AssumedRoleUser>\
               </AssumeRoleResult></AssumeRoleResponse>";
    (200, "text/xml", xml.to_owned())
}

/// A refusal as the service of the call writes it.
fn refusal(call: &str, status: u16, code: &str) -> (u16, &'static str, String) {
    match call {
        "GetCallerIdentity" | "AssumeRole" => {
            let xml = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>You may not.</Message></Error>\
                 <RequestId>r</RequestId></ErrorResponse>"
            );
            (status, "text/xml", xml)
        }
        _ => (
            status,
            "application/json",
            json!({"code": code, "message": "You may not.", "error": "invalid_grant"}).to_string(),
        ),
    }
}
