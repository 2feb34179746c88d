package hosts

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// ttl of answers from the file, in seconds: it may change at any time.
const ttl = 1

// maxMessage is the longest message of DNS over TCP.
const maxMessage = 1<<16 - 1

// conn is a connection to a name server that answers by itself what the file knows and hands on the rest. As it
// is no net.PacketConn, Go's resolver speaks DNS over TCP to it: each message behind its length in two bytes.
type conn struct {
	ctx      context.Context // of the dial; the resolver makes a connection for each exchange
	records  *records
	network  string
	server   string
	deadline time.Time
	query    bytes.Buffer
	answer   bytes.Buffer
}

func newConn(ctx context.Context, records *records, network, server string) *conn {
	return &conn{ctx: ctx, records: records, network: network, server: server}
}

// Write takes a query, in pieces or whole.
func (c *conn) Write(p []byte) (int, error) {
	c.query.Write(p)
	for c.query.Len() >= 2 {
		length := int(binary.BigEndian.Uint16(c.query.Bytes()))
		if c.query.Len() < 2+length {
			break
		}
		c.query.Next(2)
		answer, err := c.exchange(bytes.Clone(c.query.Next(length)))
		if err != nil {
			return 0, err
		}
		c.answer.Write(framed(answer))
	}
	return len(p), nil
}

// Read returns the answers to what was written.
func (c *conn) Read(p []byte) (int, error) {
	if c.answer.Len() == 0 {
		return 0, io.EOF
	}
	return c.answer.Read(p)
}

func (c *conn) exchange(query []byte) ([]byte, error) {
	var message dnsmessage.Message
	if err := message.Unpack(query); err != nil {
		return nil, fmt.Errorf("read DNS query: %w", err)
	}
	if len(message.Questions) == 1 {
		question := message.Questions[0]
		if addresses, known := c.records.lookup(question.Name.String()); known {
			return answer(message.Header, question, addresses)
		}
	}
	return c.forward(query)
}

// answer makes the message that has the addresses of the family that is asked for.
func answer(header dnsmessage.Header, question dnsmessage.Question, addresses []netip.Addr) ([]byte, error) {
	response := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired, RecursionAvailable: true},
		Questions: []dnsmessage.Question{question},
	}
	if len(addresses) == 0 {
		response.RCode = dnsmessage.RCodeNameError
	}
	for _, address := range addresses {
		resource := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: question.Class, TTL: ttl}}
		switch {
		case question.Type == dnsmessage.TypeA && address.Unmap().Is4():
			resource.Body = &dnsmessage.AResource{A: address.Unmap().As4()}
		case question.Type == dnsmessage.TypeAAAA && !address.Unmap().Is4():
			resource.Body = &dnsmessage.AAAAResource{AAAA: address.As16()}
		default:
			continue
		}
		response.Answers = append(response.Answers, resource)
	}
	packed, err := response.Pack()
	if err != nil {
		return nil, fmt.Errorf("write DNS answer: %w", err)
	}
	return packed, nil
}

// forward asks the real name server.
func (c *conn) forward(query []byte) (answer []byte, err error) {
	upstream, err := (&net.Dialer{}).DialContext(c.ctx, c.network, c.server)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, upstream.Close()) }()
	if err := upstream.SetDeadline(c.deadline); err != nil {
		return nil, err
	}
	if _, packets := upstream.(net.PacketConn); packets {
		if _, err := upstream.Write(query); err != nil {
			return nil, err
		}
		answer = make([]byte, maxMessage)
		n, err := upstream.Read(answer)
		return answer[:n], err
	}
	if _, err := upstream.Write(framed(query)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(upstream, length[:]); err != nil {
		return nil, err
	}
	answer = make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err = io.ReadFull(upstream, answer)
	return answer, err
}

func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
}

// Close has nothing to close: every question that is handed on has a connection of its own.
func (c *conn) Close() error { return nil }

// LocalAddr and RemoteAddr are for messages only.
func (c *conn) LocalAddr() net.Addr { return addr{c.network, "hosts"} }

// RemoteAddr is the name server that is asked for what the file does not know.
func (c *conn) RemoteAddr() net.Addr { return addr{c.network, c.server} }

// SetDeadline bounds the exchange with the real name server.
func (c *conn) SetDeadline(t time.Time) error { c.deadline = t; return nil }

// SetReadDeadline does as SetDeadline.
func (c *conn) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }

// SetWriteDeadline does as SetDeadline.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.SetDeadline(t) }

type addr struct{ network, text string }

func (a addr) Network() string { return a.network }
func (a addr) String() string  { return a.text }
