package delivery

import (
	"crypto/x509"
	"net"
	"net/http"
)

// ResolveWith makes a client resolve names with a resolver.
func (c *Client) ResolveWith(r *net.Resolver) { c.dialer.Resolver = r }

// Trust makes a client trust the certificate of a server.
func (c *Client) Trust(pool *x509.CertPool) {
	c.http.Transport.(*http.Transport).TLSClientConfig.RootCAs = pool
}
