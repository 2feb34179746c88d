package isolation

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// sharedEtc is what a machine sees of the host's /etc: what programs need to run and to check
// certificates, and nothing about the host's users and secrets.
func sharedEtc() []string {
	return []string{
		"alternatives", "ca-certificates", "crypto-policies", "ethertypes", "iproute2", "ld.so.cache", "ld.so.conf",
		"ld.so.conf.d", "localtime", "pki", "protocols", "services", "xtables.conf",
	}
}

// sharedCertificates are the parts of /etc/ssl without its private keys.
func sharedCertificates() []string { return []string{"ssl/certs", "ssl/cert.pem", "ssl/openssl.cnf"} }

func (c bootConfig) makeEtc() error {
	if err := os.MkdirAll("/etc", 0o755); err != nil {
		return fmt.Errorf("make /etc: %w", err)
	}
	for _, name := range append(sharedEtc(), sharedCertificates()...) {
		if err := showEtc(name); err != nil {
			return err
		}
	}
	id := sha256.Sum256([]byte(c.Agent.Name + c.Dir))
	users := "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
	groups := "root:x:0:\nnogroup:x:65534:\n"
	if c.Mode == Root { // in a user namespace there is only root, and nobody for all others
		users += "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nvcap:x:1000:1000:BOSH:/home/vcap:/bin/sh\n"
		groups += "daemon:x:1:\ntty:x:5:\nvcap:x:1000:\n"
	}
	files := map[string]string{
		"hostname":      c.Agent.Name + "\n",
		"passwd":        users,
		"group":         groups,
		"nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n",
		"resolv.conf":   "# A machine knows the names in /etc/hosts and no others.\n",
		"machine-id":    fmt.Sprintf("%x\n", id[:16]),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join("/etc", name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("write /etc/%s: %w", name, err)
		}
	}
	if err := os.Symlink("../usr/lib/os-release", "/etc/os-release"); err != nil {
		return fmt.Errorf("make /etc/os-release: %w", err)
	}
	return bind(filepath.Join(oldRoot, c.Dir, cniDir), "/etc/cni")
}

// showEtc shows one name of the host's /etc; one that is not there, or leads nowhere, is left out.
func showEtc(name string) error {
	old, path := filepath.Join(oldRoot, "etc", name), filepath.Join("/etc", name)
	info, err := os.Lstat(old)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("show %s: %w", path, err)
	}
	if info.Mode().Type() != fs.ModeSymlink {
		return bindReadOnly(old, path)
	}
	target, err := os.Readlink(old)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.Symlink(target, path)
	}
	if err != nil {
		return fmt.Errorf("show %s: %w", path, err)
	}
	return nil
}
