//! The binary as its users meet it: commands, output, exit codes.

mod asking;
mod auditing;
mod benching;
mod canaries;
mod demo;
mod desk;
mod elsewhere;
mod explaining;
mod failing;
mod help;
mod hiding;
mod importing;
mod killed;
mod operating;
mod paging;
mod readme;
mod searching;
mod serving;
mod storing;
mod two_worlds;
mod verifying;
