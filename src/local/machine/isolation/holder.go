package isolation

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
)

// holderFD is the holder's end of the connection to the program that started it.
const holderFD = 3

// Holder is the first process of a segment, as net/rpc shows it to the segment's owner. Its life ends
// with the connection to it.
type Holder struct {
	mu       sync.Mutex
	gateway  netip.Prefix
	mode     Mode
	bridge   *netlink.Bridge
	machines map[string]*held
	ports    int
}

// held is one machine.
type held struct {
	process *os.Process
	done    chan struct{}
	port    string
}

// PrepareArgs describe a segment.
type PrepareArgs struct {
	Mode    Mode
	Gateway netip.Prefix
}

// StartArgs describe a machine; Key names it from then on.
type StartArgs struct {
	Key  string
	Log  string
	Boot bootConfig
}

// Nothing is what a call without an answer answers.
type Nothing struct{}

func runHolder() error {
	syscall.CloseOnExec(holderFD)
	f := os.NewFile(holderFD, "owner")
	conn, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return fmt.Errorf("talk to the owner: %w", err)
	}
	server := rpc.NewServer()
	if err := server.Register(&Holder{machines: make(map[string]*held)}); err != nil {
		return fmt.Errorf("offer the holder: %w", err)
	}
	// The server itself would wait for calls of Wait. The end of this process is the end of its threads.
	owner := &ownerConn{Conn: conn, gone: make(chan struct{})}
	go server.ServeConn(owner)
	<-owner.gone
	return nil
}

// ownerConn notices that the owner lets go or is gone.
type ownerConn struct {
	net.Conn
	gone chan struct{}
	once sync.Once
}

func (c *ownerConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.once.Do(func() { close(c.gone) })
	}
	return n, err
}

// Prepare makes the segment's network.
func (h *Holder) Prepare(args PrepareArgs, _ *Nothing) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mode, h.gateway = args.Mode, args.Gateway
	if err := isolateMounts(); err != nil {
		return err
	}
	if err := mountProc(); err != nil {
		return err
	}
	bridge, err := makeBridge(args.Gateway)
	if err != nil {
		return err
	}
	h.bridge = bridge
	return nil
}

// Start starts a machine and returns when its agent answers.
func (h *Holder) Start(args StartArgs, _ *Nothing) error {
	log, err := os.OpenFile(args.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of the machine: %w", err)
	}
	defer log.Close()
	cmd := exec.Command("/proc/self/exe", Command, roleMachine, args.Boot.Agent.Name)
	cmd.Args[0] = os.Args[0]
	cmd.Env = []string{"PATH=" + searchPath}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	m := &held{done: make(chan struct{})}
	l, err := begin(cmd, func() error { return h.run(args.Key, cmd, m) })
	if err != nil {
		return err
	}
	// The machine waits for its configuration until its network is there.
	if err = h.plug(m, args.Boot.Address.Addr()); err != nil {
		l.close()
	} else {
		err = l.finish(args.Boot)
	}
	if errors.Is(err, errBootEnded) {
		err = fmt.Errorf("%w: see %s", err, args.Log)
	}
	if err != nil {
		h.end(args.Key, m)
	}
	return err
}

// run starts the machine's first process and takes it in.
func (h *Holder) run(key string, cmd *exec.Cmd, m *held) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bridge == nil {
		return errors.New("the segment is not prepared")
	}
	if _, exists := h.machines[key]; exists {
		return fmt.Errorf("machine %s runs already", key)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("make the machine's namespaces: %w", err)
	}
	m.process = cmd.Process
	h.ports++
	m.port = fmt.Sprintf("m%d", h.ports)
	h.machines[key] = m
	go func() {
		defer close(m.done)
		_ = cmd.Wait() // whoever asks is told by Wait
	}()
	return nil
}

// Wait returns when the machine has ended.
func (h *Holder) Wait(key string, _ *Nothing) error {
	if m := h.machine(key); m != nil {
		<-m.done
	}
	return nil
}

// Kill ends the machine with everything in it and forgets it.
func (h *Holder) Kill(key string, _ *Nothing) error {
	if m := h.machine(key); m != nil {
		h.end(key, m)
	}
	return nil
}

func (h *Holder) machine(key string) *held {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.machines[key]
}

func (h *Holder) end(key string, m *held) {
	_ = m.process.Kill() // fails when it has ended already
	<-m.done
	unplug(m.port)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.machines[key] == m {
		delete(h.machines, key)
	}
}

func (h *Holder) plug(m *held, address netip.Addr) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return plug(h.bridge, m.port, m.process.Pid, address)
}

// socketPair makes the connection between an owner and a holder.
func socketPair() (owner net.Conn, holder *os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	holder = os.NewFile(uintptr(fds[1]), "holder")
	f := os.NewFile(uintptr(fds[0]), "owner")
	defer f.Close()
	owner, err = net.FileConn(f)
	if err != nil {
		_ = holder.Close()
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	return owner, holder, nil
}

// logPath is where a machine's first process writes what it has to say before it has a log.
func logPath(dir string) string { return filepath.Join(dir, "boot.log") }
