// Package hosts lets a process resolve the names of a hosts(5) file of its own, as BOSH DNS would, where it
// shares the host's /etc/hosts with processes that must not see them.
package hosts

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Variable is the environment variable that names the file.
const Variable = "PKS_HOSTS_FILE"

// Resolver returns a resolver that knows the names in file, which it reads again whenever it changes, and asks
// the system's name servers for all others. It is Go's own resolver with its name servers replaced: /etc/hosts,
// search domains and ordering work as ever.
func Resolver(file string) *net.Resolver {
	records := &records{file: file}
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, server string) (net.Conn, error) {
			return newConn(ctx, records, network, server), nil
		},
	}
}

// records are the contents of a hosts file.
type records struct {
	file string

	mu       sync.Mutex
	modified time.Time
	size     int64
	byName   map[string][]netip.Addr // lower case, without the dot at the end
}

// lookup returns the addresses of name. When there are none, known says whether the question need not be asked
// elsewhere: because name is one of the file's with a search domain behind it.
func (r *records) lookup(name string) (addresses []netip.Addr, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refresh()
	name = canonical(name)
	if addresses, known = r.byName[name]; known {
		return slices.Clone(addresses), true
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if _, known := r.byName[name[:i]]; known && strings.Contains(name[:i], ".") {
			return nil, true
		}
	}
	return nil, false
}

// refresh reads the file again when it is not the one that was read. While it cannot be read, what was known
// stays true.
func (r *records) refresh() {
	info, err := os.Stat(r.file)
	if err != nil || info.ModTime().Equal(r.modified) && info.Size() == r.size {
		return
	}
	data, err := os.ReadFile(r.file)
	if err != nil {
		return
	}
	r.modified, r.size, r.byName = info.ModTime(), info.Size(), parse(data)
}

// parse reads hosts(5): an address, names, and comments after #. Lines that are something else do not count.
func parse(data []byte) map[string][]netip.Addr {
	byName := map[string][]netip.Addr{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) < 2 {
			continue
		}
		address, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			name = canonical(name)
			if !slices.Contains(byName[name], address) {
				byName[name] = append(byName[name], address)
			}
		}
	}
	return byName
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
