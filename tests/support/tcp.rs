//! WebSocket frames byte by byte, for sending what no library would.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::server::Server;

/// A TCP connection to the HTTP port.
pub struct Wire {
    stream: TcpStream,
}

impl Wire {
    pub async fn connect(server: &Server) -> Self {
        Self { stream: TcpStream::connect(server.http_addr()).await.expect("the port is open") }
    }

    /// Connected and upgraded to WebSocket, nothing said yet.
    pub async fn upgraded(server: &Server) -> Self {
        let mut wire = Self::connect(server).await;
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
            server.http_addr()
        );
        wire.write(request.as_bytes()).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(wire.stream.read_u8().await.expect("an answer to the upgrade"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        wire
    }

    /// A server that already hung up is an answer too; the caller looks at `ended`.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// A masked frame with the given first byte (FIN, RSV, opcode); `claimed` overrides the length field.
    pub async fn frame(&mut self, first: u8, payload: &[u8], claimed: Option<u64>) {
        let length = claimed.unwrap_or(payload.len() as u64);
        let mut bytes = vec![first];
        match length {
            0..=125 => bytes.push(0x80 | length as u8),
            126..=65_535 => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        self.write(&bytes).await;
    }

    /// Whether the server ends the connection within the deadline. What it says before is read and dropped.
    pub async fn ended(&mut self, deadline: Duration) -> bool {
        let mut buffer = [0; 4096];
        timeout(deadline, async { while self.stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {} })
            .await
            .is_ok()
    }
}
