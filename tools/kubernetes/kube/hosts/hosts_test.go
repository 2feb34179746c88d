package hosts

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestNamesOfTheFileResolve(t *testing.T) {
	t.Parallel()
	resolver := Resolver(hostsFile(t, "# cluster\n127.77.0.2 master.cfcr.internal master-0.etcd.cfcr.internal # first\n127.77.0.3 Master.CFCR.internal.\nfd00::2 six.cfcr.internal\n"))
	for name, want := range map[string][]string{
		"master.cfcr.internal":        {"127.77.0.2", "127.77.0.3"},
		"MASTER-0.etcd.cfcr.internal": {"127.77.0.2"},
		"six.cfcr.internal":           {"fd00::2"},
	} {
		got, err := resolver.LookupHost(context.Background(), name)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, want)
		}
	}
}

func TestChangedFileIsReadAgain(t *testing.T) {
	t.Parallel()
	file := hostsFile(t, "127.77.0.2 master.cfcr.internal\n")
	resolver := Resolver(file)
	if got, err := resolver.LookupHost(context.Background(), "master.cfcr.internal"); err != nil || !slices.Equal(got, []string{"127.77.0.2"}) {
		t.Fatalf("before: got %v, %v", got, err)
	}
	writeHosts(t, file, "127.77.0.33 master.cfcr.internal\n")
	if got, err := resolver.LookupHost(context.Background(), "master.cfcr.internal"); err != nil || !slices.Equal(got, []string{"127.77.0.33"}) {
		t.Errorf("after: got %v, %v", got, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got, err := resolver.LookupHost(context.Background(), "master.cfcr.internal"); err != nil || !slices.Equal(got, []string{"127.77.0.33"}) {
		t.Errorf("while it is away: got %v, %v", got, err)
	}
}

func TestSearchDomainBehindANameOfTheFileIsNotAskedElsewhere(t *testing.T) {
	t.Parallel()
	records := &records{file: hostsFile(t, "127.77.0.2 master.cfcr.internal\n127.0.0.1 localhost\n")}
	for name, want := range map[string]bool{"master.cfcr.internal.corp.example.": true, "master.cfcr.internal.": true, "localhost.example.": false, "cfcr.internal.": false, "xmaster.cfcr.internal.": false} {
		if _, known := records.lookup(name); known != want {
			t.Errorf("%s: known %t, want %t", name, known, want)
		}
	}
}

func TestOtherNamesAreAskedOfTheSystemsServers(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"udp", "tcp"} {
		server := nameServer(t, network, netip.MustParseAddr("192.0.2.7"))
		file := hostsFile(t, "127.77.0.2 master.cfcr.internal\n")
		resolver := Resolver(file)
		records := &records{file: file}
		resolver.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return newConn(ctx, records, network, server), nil
		}
		got, err := resolver.LookupHost(context.Background(), "registry.example.com.")
		if err != nil || !slices.Equal(got, []string{"192.0.2.7"}) {
			t.Errorf("%s: got %v, %v", network, got, err)
		}
	}
}

func TestNoNameServerIsAnError(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	c := newConn(context.Background(), &records{file: hostsFile(t, "")}, "tcp", server)
	if _, err := c.Write(framed(question(t, "registry.example.com.", dnsmessage.TypeA))); err == nil {
		t.Error("a question was answered by nobody")
	}
}

func TestQueryMayComeInPieces(t *testing.T) {
	t.Parallel()
	c := newConn(context.Background(), &records{file: hostsFile(t, "127.77.0.2 master.cfcr.internal\n")}, "tcp", "192.0.2.1:53")
	for _, b := range framed(question(t, "master.cfcr.internal.", dnsmessage.TypeA)) {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	buffer := make([]byte, maxMessage)
	n, err := c.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	var message dnsmessage.Message
	if err := message.Unpack(buffer[2:n]); err != nil {
		t.Fatal(err)
	}
	if body, ok := message.Answers[0].Body.(*dnsmessage.AResource); !ok || body.A != [4]byte{127, 77, 0, 2} {
		t.Errorf("got %v", message.GoString())
	}
}

func FuzzConn(f *testing.F) {
	f.Add([]byte{0, 1, 2})
	f.Add(framed([]byte(strings.Repeat("\x00\x01", 20))))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := newConn(context.Background(), &records{file: "/nonexistent"}, "unknown", "")
		if n, err := c.Write(data); err == nil && n != len(data) {
			t.Errorf("wrote %d of %d", n, len(data))
		}
	})
}

func hostsFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hosts")
	writeHosts(t, file, text)
	return file
}

func writeHosts(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func question(t *testing.T, name string, kind dnsmessage.Type) []byte {
	t.Helper()
	message := dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}}
	packed, err := message.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// nameServer answers every question with address until the test ends.
func nameServer(t *testing.T, network string, address netip.Addr) string {
	t.Helper()
	reply := func(query []byte) []byte {
		var message dnsmessage.Message
		if err := message.Unpack(query); err != nil {
			return nil
		}
		packed, err := answer(message.Header, message.Questions[0], []netip.Addr{address})
		if err != nil {
			return nil
		}
		return packed
	}
	done := make(chan struct{})
	if network == "udp" {
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer close(done)
			buffer := make([]byte, maxMessage)
			for {
				n, from, err := socket.ReadFrom(buffer)
				if err != nil {
					return
				}
				if _, err := socket.WriteTo(reply(buffer[:n]), from); err != nil {
					return
				}
			}
		}()
		t.Cleanup(func() { stop(t, socket.Close, done) })
		return socket.LocalAddr().String()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(done)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			answerStream(client, reply)
		}
	}()
	t.Cleanup(func() { stop(t, listener.Close, done) })
	return listener.Addr().String()
}

func answerStream(client net.Conn, reply func([]byte) []byte) {
	defer client.Close()
	if err := client.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return
	}
	buffer := make([]byte, maxMessage)
	n, err := client.Read(buffer)
	if err != nil || n < 2 || n != 2+int(binary.BigEndian.Uint16(buffer)) {
		return
	}
	if _, err := client.Write(framed(reply(buffer[2:n]))); err != nil && !errors.Is(err, net.ErrClosed) {
		return
	}
}

func stop(t *testing.T, shut func() error, done <-chan struct{}) {
	t.Helper()
	if err := shut(); err != nil {
		t.Error(err)
	}
	<-done
}
